#!/usr/bin/env bash
# setup.sh build|run|test: makes sure that what a command needs is there. As root, missing Debian packages are installed;
# otherwise one line names them.
set -euo pipefail

purpose=${1:-test}
declare -A package_of=(
  [ip]=iproute2 [bridge]=iproute2 [nft]=nftables [ethtool]=ethtool [nsenter]=util-linux [setsid]=util-linux [sysctl]=procps
  [redis-server]=redis-server [redis-cli]=redis-tools [redis-benchmark]=redis-tools
  [iptables]=iptables [tcpdump]=tcpdump [tshark]=tshark [curl]=curl [openssl]=openssl [gcc]=build-essential [php]=php-cli [gnutls-cli]=gnutls-bin
  [haproxy]=haproxy [keepalived]=keepalived [nginx]=libnginx-mod-stream [sslscan]=sslscan
)
case $purpose in
  build) commands=() ;;
  run) commands=(ip bridge nft ethtool nsenter setsid sysctl redis-cli) ;;
  test) commands=("${!package_of[@]}") ;;
  *) echo "setup.sh: unknown purpose '$purpose'" >&2; exit 2 ;;
esac

if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
  echo "The .NET 10 SDK is missing: https://dotnet.microsoft.com/download/dotnet/10.0" >&2
  exit 1
fi

# Debian keeps several of these in sbin, which is not in every user's path.
PATH=$PATH:/usr/sbin:/sbin
missing=()
for command in "${commands[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package_of[$command]}")
done
if [ "$purpose" = test ] && command -v php >/dev/null && ! php -m | grep -qx redis; then missing+=(php-redis); fi
if [ "$purpose" = test ] && ! command -v php >/dev/null; then missing+=(php-redis); fi
[ ${#missing[@]} -eq 0 ] && exit 0

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" -ne 0 ]; then
  echo "Missing Debian packages: run 'sudo apt-get install ${missing[*]}' (or run this as root)" >&2
  exit 1
fi

echo "installing ${missing[*]}"
# A package that brings a server would start it, and Redis would take the port of its own comparison.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
