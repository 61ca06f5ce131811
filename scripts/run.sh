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

"$appliance" lab up --name $name --nodes "${NODES:-3}" >/dev/null || exit 1
if [ "$(id -u)" -eq 0 ]; then
  client="nsenter --net=/run/netns/appliance-$name-client redis-cli -h"
  address() { case $1 in a) echo 10.0.0.1 ;; b) echo 10.0.0.2 ;; esac; }
else
  client="redis-cli -h"
  address() { "$appliance" lab status --name $name --json | grep -o "\"id\":\"$1\"[^}]*" | grep -o '"address":"[^"]*"' | cut -d'"' -f4; }
fi

cat <<TEXT

A group of three nodes is up. In another terminal:

  write on the primary:        $client $(address a) set cart:1 apples
  read on a secondary:         $client $(address b) get cart:1
  what a node sees:            $appliance status --admin \$($appliance lab status --name $name --json | grep -o '/[^"]*/a/admin.sock')
  kill a secondary:            $appliance lab kill b --name $name     and back: $appliance lab start b --name $name
TEXT
if [ "$(id -u)" -eq 0 ]; then
  cat <<TEXT
  pull its cable:              $appliance lab pull b --name $name     and back: $appliance lab plug b --name $name
  lose every tenth datagram:   $appliance lab loss 10 --name $name    and none: $appliance lab loss 0 --name $name
TEXT
fi
printf '\nCtrl-C ends it.\n\n'
"$appliance" lab status --watch --name $name &
watch=$!
wait $watch
