#!/usr/bin/env lua
-- Takes so many results of compute.lua, and writes them: io-forwarding.lua COUNT
local flux = require "flux"

local count = tonumber (arg[1]) or error ("usage: io-forwarding.lua COUNT")
local f = assert (flux.new ())
local sums = {}

for _ = 1, count do
    local answer = assert (f:rpc ("channel.get", { name = "io" }))
    local rank = answer.data.rank
    sums[rank] = (sums[rank] or 0) + answer.data.result
end
local ranks = {}
for rank in pairs (sums) do
    ranks[#ranks + 1] = rank
end
table.sort (ranks)
for _, rank in ipairs (ranks) do
    print (("rank %d: %d"):format (rank, sums[rank]))
end
