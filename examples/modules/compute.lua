#!/usr/bin/env lua
-- An element of a job that computes, and gives what it has to whoever writes it:
-- compute.lua COUNT
local flux = require "flux"

local count = tonumber (arg[1]) or error ("usage: compute.lua COUNT")
local rank = tonumber (os.getenv "FLUX_TASK_RANK" or 0)
local f = assert (flux.new ())

for i = 1, count do
    assert (f:rpc ("channel.put", { name = "io", data = { rank = rank, result = i * i } }))
end
print (("rank %d: %d results are taken"):format (rank, count))
