# initrc and userrc in Lua: flux-shell-initrc(5).
. "${0%/*}/../lib.sh"
under_flux 2

# job OPTIONS...: what the submitter sees of the shells, without times.
job () {
    flux run -o userrc=rc.lua "$@" >out 2>err
    status=$?
    sed 's/^[0-9.]*s: //' err | sort >log
    return $status
}
saw () {
    if grep -Eqx -- "$2" log; then ok "$1"; else not_ok "$1" "$(cat log)"; fi
}

cat >rc.lua <<'EOF'
local i = shell.info
shell.log (string.format ("info %s %d %d %d %s %s", math.type (i.jobid), i.rank, i.size,
    i.ntasks, tostring (i.options.verbose), i.jobspec.tasks[1].slot))
shell.log ("service " .. tostring (i.service:match ("^%d+%-shell%-f%w+$") ~= nil))
shell.log ("R " .. i.R.version .. " " .. i.R.execution.R_lite[1].rank)
local r = shell.rankinfo
shell.log (string.format ("mine %d %d %d %s %d", r.id, r.broker_rank, r.ntasks,
    r.resources.core, r.resources.ncores))
shell.log ("other " .. shell.get_rankinfo (1 - r.id).broker_rank)
shell.log ("no such rank: " .. tostring (pcall (shell.get_rankinfo, 7)))
shell.log ("rcpath " .. tostring (shell.rcpath == os.getenv ("RCPATH") or #shell.rcpath > 0))

shell.setenv ("A", "1")
shell.setenv ("A", "2", 0)
shell.setenv ("B", 3)
shell.setenv ("B", "4", false)
shell.setenv ("B", "5", true)
shell.unsetenv ("GONE")
shell.log (string.format ("env %s %s %s %s", shell.getenv ("A"), shell.getenv "B",
    tostring (shell.getenv ("GONE")), shell.getenv ().A))

shell.log ("option " .. tostring (shell.options.mine) .. " " .. tostring (shell.options.none))
shell.options["cpu-affinity"] = "off"
shell.options.made = { a = { 1, 2 }, b = true }
shell.options.made.c = "x"
shell.log (string.format ("made %d %s %s", shell.options.made.a[2],
    tostring (shell.options.made.b), shell.options.made.c))
local names = {}
for k in pairs (shell.options.made) do names[#names + 1] = k end
table.sort (names)
shell.log ("pairs " .. table.concat (names, " "))
shell.options.made = nil
shell.log ("unset " .. tostring (shell.options.made))
shell.debug ("not shown")
shell.options.verbose = 1
shell.debug ("shown")
shell.log_error ("an error")
shell.log ("no task: " .. tostring (pcall (function () return task.info end)))

plugin.register {
    name = "mine",
    handlers = {
        { topic = "task.*", fn = function (topic)
            local t = task.info
            if topic == "task.init" then
                task.setenv ("R", t.rank)
                task.setenv ("A", "kept", 0)
                task.unsetenv ("B")
                shell.log ("task " .. t.state .. " " .. tostring (task.getenv ("B")) .. task.getenv ("R"))
            elseif topic == "task.exit" then
                shell.log (string.format ("exit %d %d %s", t.rank, t.exitcode, t.state))
            elseif topic == "task.fork" then
                shell.log ("pid " .. tostring (t.pid > 1))
            end
        end },
        { topic = "shell.init", fn = function () shell.log ("first of this name") end },
    }
}
plugin.register { name = "other", handlers = { { topic = "shell.init",
    fn = function (t) shell.log ("called for " .. t); return 0 end } } }
EOF
GONE=1 job -N2 -n2 -o mine=7 sh -c 'echo $R $A ${B:-none}; exit $R'
case $?:$(sort out | xargs) in
1:'0 1 none 1 1 none') ok 'tasks see the environment' ;;
*) not_ok 'tasks see the environment' "$(cat out err)" ;;
esac
saw 'shell.info' 'flux-shell\[1\]: info integer 1 2 2 false task'
saw 'the service' 'flux-shell\[0\]: service true'
saw 'R' 'flux-shell\[0\]: R 1 0(-1)?'
saw 'shell.rankinfo' 'flux-shell\[1\]: mine 1 1 1 [0-9,-]+ [0-9]+'
saw 'shell.get_rankinfo' 'flux-shell\[1\]: other 0'
saw 'a shell that there is not' 'flux-shell\[0\]: no such rank: false'
saw 'shell.getenv' 'flux-shell\[0\]: env 1 5 nil 1'
saw 'an option of the job' 'flux-shell\[0\]: option 7 nil'
saw 'options are set' 'flux-shell\[0\]: made 2 true x'
saw 'and listed' 'flux-shell\[0\]: pairs a b c'
saw 'and unset' 'flux-shell\[0\]: unset nil'
saw 'verbosity can be changed' 'flux-shell\[0\]: .*shown'
if grep -q 'not shown' log; then not_ok 'only then'; else ok 'only then'; fi
saw 'an error' 'flux-shell\[0\]: ERROR: an error'
saw 'there is no task then' 'flux-shell\[0\]: no task: false'
saw 'task.init' 'flux-shell\[1\]: task Init nil1'
saw 'task.fork' 'flux-shell\[0\]: pid true'
saw 'task.exit' 'flux-shell\[1\]: exit 1 1 Exited'
saw 'another plugin' 'flux-shell\[0\]: called for shell.init'

# broken NAME LUA REGEX: the job fails with such a line.
broken () {
    printf '%s\n' "$2" >rc.lua
    fails "$1" 1 "$3" flux run -o userrc=rc.lua true
}
broken 'a syntax error' 'x = = 1' "rc.lua:1: unexpected symbol near '='"
broken 'an error' 'error ("oh")' 'rc.lua:1: oh'
broken 'shell.die' 'shell.die ("no more")' 'FATAL: no more'
broken 'a file that is not there' 'source ("nosuch.lua")' 'rc.lua:1: source .*/nosuch.lua: No such file'
broken 'plugin.load of nothing' 'plugin.load {}' 'rc.lua:1: plugin.load: expected a file'
broken 'a plugin without name' 'plugin.register { handlers = {} }' 'plugin.register: expected a name'
broken 'a handler without function' \
    'plugin.register { name = "x", handlers = { { topic = "shell.init" } } }' \
    'a handler has a topic, and fn, a function'
broken 'a value that cannot be set' 'shell.options.x = print' 'shell.options.x: cannot be set'
broken 'one in a table' 'shell.options.x = { a = { 1, print } }' 'shell.options.x: cannot be set'
broken 'a key that is no name' 'shell.options.x = { [true] = 1 }' 'shell.options.x: cannot be set'
broken 'a table in itself' 'local t = {} t[1] = t t[2] = t shell.options.x = t' 'shell.options.x: cannot be set'
broken 'a text that is none' 'shell.options.x = "\255"' 'shell.options.x: cannot be set'
broken 'os.exit' 'os.exit (0)' 'the job shell has ended before its job'
broken 'a name that cannot be set' 'shell.info = 1' 'info cannot be set'
broken 'a handler that throws' \
    'plugin.register { name = "x", handlers = { { topic = "shell.init", fn = function () error ("oh") end } } }' \
    'x: shell.init: .*rc.lua:1: oh'
first=$err
like 'is named' "plugin 'x': shell.init failed" printf '%s\n' "$first"
broken 'a handler that returns false' \
    'plugin.register { name = "x", handlers = { { topic = "task.init", fn = function () return false end } } }' \
    "plugin 'x': task.init failed"
broken 'a loop' 'shell.options["plugin-timeout"] = 1; while true do end' 'rc.lua.* does not return from its initialization'
echo 'for i = 1, 20000 do print ("flood") end' >rc.lua
run flux run -o userrc=rc.lua true
flux dmesg >log
is 'what a plugin prints does not fill the log' '1 1' sh -c \
    'n=$(grep -c flood log); echo $((n > 0 && n < 10000)) $(($(grep -c "say more than can be" log) > 0))'
fails 'userrc without a name' 1 'userrc: expected the name of a file' flux run -o userrc true

mkdir d
echo 'shell.setenv ("X", (shell.getenv ("X") or "") .. "a")' >d/a.lua
echo 'shell.setenv ("X", shell.getenv ("X") .. "b"); source_if_exists ("a.lua")' >d/b.lua
echo 'source ("d/*.lua"); source_if_exists ("nosuch.lua"); source ("nosuch.*"); plugin.searchpath = plugin.searchpath .. ":/x"; shell.setenv ("P", plugin.searchpath)' >rc.lua
like 'source takes patterns' '^aba .*:/x$' flux run -o userrc=rc.lua sh -c 'echo $X $P'
echo 'shell.setenv ("X", "of the file")' >rc.lua
is 'a file that comes with the job' 'of the file' \
    flux run --add-file=rc=rc.lua -o 'userrc={{tmpdir}}/rc' sh -c 'echo $X'
finish
