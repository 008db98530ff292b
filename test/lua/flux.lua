-- The module flux; run by Lua 5.3 and 5.4 in an instance of 2. TAP.
local flux = require "flux"

local count, failed = 0, 0

local function ok (cond, name, more)
    count = count + 1
    if not cond then failed = failed + 1 end
    print ((cond and "ok " or "not ok ") .. count .. " - " .. name)
    if not cond and more then print ("# " .. tostring (more)) end
end

local function is (got, want, name)
    ok (got == want, name, tostring (got) .. " is not " .. tostring (want))
end

local f, err = flux.new ()
ok (f, "a handle", err)
is (f.rank, 0, "rank")
is (f.size, 2, "size")
is (f:getattr ("rank"), "0", "an attribute")
local none, why = f:getattr ("no.such.attribute")
is (none, nil, "one that there is not")
ok (why:find ("No such file"), "says so", why)
ok (f:setattr ("log-stderr-level", "2"), "set an attribute")
is (f:getattr ("log-stderr-level"), "2", "it is set")

none, why = flux.new ("local:///no/such/socket")
ok (none == nil and #why > 0, "no connection: a text", why)

-- RPC
local sent = { a = { 1, 2.5, "x", { b = true, c = flux.null } }, d = "\u{192}", e = false }
local r, err = f:rpc ("broker.ping", sent)
ok (r, "an RPC", err)
is (#r.a, 4, "lists")
is (r.a[2], 2.5, "numbers")
is (math.type (r.a[1]), "integer", "integers stay such")
is (r.a[4].c, flux.null, "null")
is (r.d, "\u{192}", "text")
is (r.e, false, "false")
none, why = f:rpc ("no.such.service")
ok (none == nil and #why > 0, "an RPC that fails", why)
is (f:rpc ("broker.ping", {}, 1) ~= nil, true, "to a rank, with an empty object")
local loop = {}
loop.loop = loop
for what, bad in pairs { ["a function"] = { x = print }, ["a NaN"] = { x = 0 / 0 },
    ["itself"] = loop, ["no UTF-8"] = { x = "\xff" }, ["a key"] = { [true] = 1 } } do
    local good, text = pcall (f.rpc, f, "broker.ping", bad)
    ok (not good and #text > 0, "a payload with " .. what, text)
end
ok (not pcall (f.rpc, f), "a topic is missing")
ok (not pcall (f.rpc, {}, "x"), "no handle")

-- KVS
ok (f:kvs_put { ["lua.a"] = 1, ["lua.b"] = { x = "y" }, ["lua.c"] = "text" }, "kvs put")
is (f:kvs_get ("lua.a"), 1, "kvs get")
is (f:kvs_get ("lua.b").x, "y", "kvs get of an object")
local names = f:kvs_dir ("lua")
table.sort (names)
is (table.concat (names, " "), "a b c", "kvs dir")
ok (f:kvs_put { ["lua.a"] = flux.null }, "remove a key")
none, why = f:kvs_get ("lua.a")
ok (none == nil and why:find ("No such file"), "it is removed", why)
none, why = f:kvs_dir ("no.such.dir")
ok (none == nil and #why > 0, "no directory", why)

-- Events
ok (f:subscribe ("lua.event"), "subscribe")
ok (f:sendevent ({ n = 3 }, "lua.event.x"), "send an event")
local payload, topic = f:recv_event ()
is (payload and payload.n, 3, "receive it")
is (topic, "lua.event.x", "with its topic")

-- Reactor
local seen = {}
f:msghandler { pattern = "lua.event.*", handler = function (f, payload, topic, w)
    seen[#seen + 1] = topic .. tostring (payload.n)
    w:remove ()
    f:reactor_stop ()
end }
local ticks = 0
local ticker = f:timer { timeout = 1, oneshot = false, handler = function (f, w)
    ticks = ticks + 1
    if ticks == 3 then
        w:remove ()
        f:sendevent ({ n = 4 }, "lua.event.y")
    end
end }
ok (f:reactor () ~= nil, "the reactor")
is (ticks, 3, "a timer again and again, until it is removed")
is (table.concat (seen, " "), "lua.event.y4", "an event in a handler")
f:timer { timeout = 0, handler = function () seen = "once" end }
is (f:reactor (), 0, "a timer once: then nothing is active")
is (seen, "once", "it was called")
f:timer { timeout = 0, handler = function () error ("raised") end }
local good, text = pcall (f.reactor, f)
ok (not good and text:find ("raised"), "what a handler raises comes out of the reactor", text)
f:timer { timeout = 0, handler = function (f) f:reactor_stop_error () end }
ok (f:reactor () == nil, "stop with an error")
f:timer { timeout = 0, handler = function (f) f:reactor () end }
ok (not pcall (f.reactor, f), "the reactor in the reactor")
f:timer { timeout = 0, handler = function (f) f:close () end }
ok (not pcall (f.reactor, f), "a handle is not closed while it runs")
ok (not pcall (f.timer, f, { timeout = -1, handler = print }), "a timeout that is none")
ok (not pcall (f.timer, f, { timeout = 1 }), "a handler that is missing")

ok (pcall (f.fdwatcher, f, { fd = 0, handler = print }), "a descriptor")
collectgarbage ()
f:timer { timeout = 1, oneshot = false, handler = print }
f:close ()
ok (not pcall (f.getattr, f, "rank"), "a handle that is closed")
f = nil
collectgarbage ()
collectgarbage ()
for _ = 1, 200 do flux.new (); end
collectgarbage ()
ok (flux.new (), "handles that nobody has are closed")
print ("1.." .. count)
os.exit (failed == 0, true)
