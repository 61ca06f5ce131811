#!/usr/bin/env bash
# coverage.sh: the parsers' own tests with coverage; prints the branches covered of each parser file, and the lines where some are not.
# Not listed: tables of names (cipher suites, versions of TLS), and what acts on what was parsed.
set -uo pipefail
cd "$(dirname "$0")/.."

results=out/coverage
rm -rf $results
mkdir -p $results
parsers='src/Multicast/Wire/.*(View|Header|Prefix|Field|Frames|Cipher)\\.cs|Resp/Protocol/(RespParser|InlineSplitter|RespNumber|RespArguments|GlobPattern)\\.cs|State/Records/|State/Sync/SyncMessages'
parsers+='|TcpStateMirror/Packets/(.*View|LinkLayer|SegmentDecoder|FragmentAssembler|FragmentPlace|TcpOptions|TlsExtensions)\\.cs|Flows/(Hello|Handshake)Reader\\.cs'
parsers+='|TcpStateMirror/Capture/(Pcap.*|PacketFile|InputBuffer|Filter/(FilterParser|FilterCompiler|BpfAssembler|BpfProgram))\\.cs'
parsers+='|Configuration/(ConfigurationFile|ConfigurationLoader|SettingReader|OptionsSchema|Duration|ByteSize|AcknowledgementRule|MemberAddress|KeyFile|PasswordFile)\\.cs'
collect() {
  dotnet test "tests/$1" -c Release --filter "$2" --settings tests/coverage.runsettings --collect "XPlat Code Coverage" --results-directory "$results/$1" \
    --logger "console;verbosity=minimal" >"$results/$1.log" 2>&1 || { cat "$results/$1.log"; exit 1; }
}
collect Multicast.Tests "FullyQualifiedName~Multicast.Wire|FullyQualifiedName~Engine.Hostile"
collect TcpStateMirror.Tests "FullyQualifiedName~Packets|FullyQualifiedName~Capture|FullyQualifiedName~Hellos"
collect Appliance.Tests "(FullyQualifiedName~Resp|FullyQualifiedName~Configuration|FullyQualifiedName~State.Mirror)&FullyQualifiedName!~Storm"

# A line stands in the report once for its method and once for its class; the same file is reported by both projects.
find $results -name coverage.cobertura.xml -exec cat {} + | awk -v parsers="$parsers" '
  function value(name) { return match($0, " " name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : "" }
  /<source>/ { root = $0; gsub(/^.*<source>|<\/source>.*$/, "", root) }
  /<class / { file = root value("filename"); sub(/^.*\/src\//, "src/", file) }
  /<line / && file ~ parsers {
    key = file ":" value("number")
    files[file] = 1
    if (match($0, /\([0-9]+\/[0-9]+\)/)) {
      split(substr($0, RSTART + 1, RLENGTH - 2), part, "/")
      if (part[2] >= total[key]) total[key] = part[2]
      if (part[1] + 0 > covered[key]) covered[key] = part[1] + 0
    }
  }
  END {
    for (key in total) {
      name = key; sub(/:[0-9]+$/, "", name); line = key; sub(/^.*:/, "", line)
      all[name] += total[key]; good[name] += covered[key]
      if (covered[key] + 0 < total[key]) missing[name] = missing[name] " " line
    }
    for (name in files) {
      printf "%-60s %5.1f %%  %4d of %4d branches%s\n", name, all[name] ? 100 * good[name] / all[name] : 100, good[name], all[name], missing[name] == "" ? "" : "  not all at" missing[name]
      sum += all[name]; hit += good[name]
    }
    printf "~ %-58s %5.1f %%  %4d of %4d branches\n", "all parsers", sum ? 100 * hit / sum : 0, hit, sum
  }' | sort
