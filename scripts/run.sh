#!/usr/bin/env bash
# run.sh: a three-node group on this machine, its status until Ctrl-C, and nothing left behind.
set -uo pipefail
cd "$(dirname "$0")/.."

appliance=$PWD/out/appliance
name=run
cleaned=
cleanup() {
  [ -n "$cleaned" ] && return
  cleaned=1
  [ -n "${watch:-}" ] && kill "$watch" 2>/dev/null && wait "$watch" 2>/dev/null
  "$appliance" lab down --name $name
  echo "ended; nothing is left"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

report=$("$appliance" lab up --name $name --nodes "${NODES:-3}" --json) || exit 1
# What the first match holds: of the first service in the report, or of the node that is named.
first() { grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d'"' -f4; }
node() { grep -o "{\"id\":\"$1\"[^}]*}" <<<"$report" | first "$2"; }
service=$(grep -o '"services":.*' <<<"$report")
primary=$(first primary <<<"$service")
address=$(first address <<<"$service")
other=$(grep -o '"id":"[^"]*"' <<<"$report" | cut -d'"' -f4 | grep -vx "$primary" | head -1)
client=$(grep -o '"client":{[^}]*}' <<<"$report" | first namespace)
[ -n "$client" ] && redis="nsenter --net=/run/netns/$client redis-cli" || redis=redis-cli

cat <<TEXT

A group of ${NODES:-3} nodes is up; $primary is primary of the service 'demo', at $address. In another terminal:

TEXT
if [ -n "$client" ]; then
  cat <<TEXT
  write through the service's address:  $redis -h $address set cart:1 apples
  pull both cables of the primary:      $appliance lab pull $primary --name $name
  another has taken over (below), and
  the same address still answers:       $redis -h $address get cart:1
  plug them in again (a secondary now): $appliance lab plug $primary --name $name
  hand the service back, as planned:    $appliance promote $primary demo --admin \$($appliance lab status --name $name --json | grep -o '/[^"]*/$other/admin.sock')
  lose every tenth datagram:            $appliance lab loss 10 --name $name    and none: $appliance lab loss 0 --name $name
TEXT
else
  cat <<TEXT
  write on the primary:                 $redis -h $address set cart:1 apples
  kill it:                              $appliance lab kill $primary --name $name
  another has taken over (below); on
  loopback a service is where its
  primary is:                           $redis -h \$($appliance lab status --name $name --json | grep -o '"services":.*' | grep -o '"address":"[^"]*"' | head -1 | cut -d'"' -f4) get cart:1
  start it again (a secondary now):     $appliance lab start $primary --name $name
TEXT
fi
cat <<TEXT
  read on another node:                 $redis -h $(node "$other" address) get cart:1
  what a node sees:                     $appliance status --admin $(node "$other" admin)
TEXT
printf '\nCtrl-C ends it.\n\n'
"$appliance" lab status --watch --name $name &
watch=$!
wait $watch
