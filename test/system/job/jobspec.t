# What becomes of a jobspec: as it was submitted, as it is stored, signed or not.
. "${0%/*}/../lib.sh"

mkdir conf
cat >conf/all.toml <<'EOF'
[queues.batch]
[policy.jobspec.defaults.system]
queue = "batch"
duration = "1h"
EOF

cat >plain.sh <<'EOF'
flux submit --dry-run true >spec
tr -d '\n' <spec >one
id=$(flux submit true)
flux job wait-event -t 30 $id clean >/dev/null
flux kvs ls -1 $(flux job id --to=kvs $id) | grep -cx J
flux job info --original $id jobspec | cmp - spec && echo original
flux job info --base $id jobspec | cmp - spec && echo stored
flux job info $id J | cut -d. -f2 | base64 -d | cmp - one && echo signed
flux job info $id J | sed 's/.*[.]//'
flux job info 1234 J 2>&1 || true
EOF
is 'a jobspec is stored once, and J follows from it' '0
original
stored
signed
none
flux-job: invalid job id' flux start sh plain.sh

cat >defaults.sh <<'EOF'
flux queue start --all --quiet
flux submit --dry-run true >spec
tr -d '\n' <spec >one
for i in 1 2; do
    id=$(flux submit true)
    flux kvs ls -1 $(flux job id --to=kvs $id) | grep -cx J
    flux job info --original $id jobspec | cmp - spec && echo original
    flux job info --base $id jobspec | grep -c '"queue":"batch"'
done
EOF
is 'where defaults changed it, what was submitted is kept' '1
original
1
1
original
1' flux start -c conf sh defaults.sh
finish
