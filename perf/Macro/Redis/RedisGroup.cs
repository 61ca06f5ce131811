using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>redis-server beside each node of a laboratory: one primary, the others its replicas, over the same network cards as ours.</summary>
internal sealed class RedisGroup : IDisposable
{
    public const int Port = 7379;

    // A replica would store what it fetches first in a file of the current directory.
    private static readonly string[] Diskless = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-diskless-load", "on-empty-db"];
    private readonly List<Process> _processes = [];

    private RedisGroup()
    {
    }

    public IReadOnlyList<int> Pids => [.. _processes.Select(process => process.Id)];

    /// <summary>Starts one server per node and waits until every replica is linked.</summary>
    public static RedisGroup Start(Laboratory lab)
    {
        var group = new RedisGroup();
        try
        {
            group.Launch(lab.Primary.Namespace);
            IPAddress primary = SynchronisationAddress(lab.Primary);
            foreach (LabNode node in lab.Secondaries) group.Launch(node.Namespace, "--replicaof", primary.ToString(), Port.ToString(CultureInfo.InvariantCulture));
            using RespClient client = ConnectWhenUp(lab);
            Until.True("all Redis replicas are linked", TimeSpan.FromSeconds(30), () => client.Call("INFO", "replication").Text.Contains($"connected_slaves:{lab.Nodes.Count - 1}", StringComparison.Ordinal)
                && client.Call("INFO", "replication").Text.Split("state=online").Length == lab.Nodes.Count);
            return group;
        }
        catch
        {
            group.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A laboratory's cards cut multicast into datagrams before the wire, as a real card does; TCP's super-packets must be cut alike, or the replication of Redis
    /// would cross the bridge in pieces of 64 KiB, which no wire carries.
    /// </summary>
    public static void LevelOffloads(Laboratory lab)
    {
        foreach (LabNode node in lab.Nodes) Shell.RunIn(node.Namespace, "ethtool", "-K", "sync", "tso", "off");
    }

    /// <summary>A connection from the client's namespace to the primary.</summary>
    public static RespClient Connect(Laboratory lab) =>
        NetworkNamespace.Run(lab.ClientNamespace, () => RespClient.Connect(new IPEndPoint(lab.Primary.Address, Port)));

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited) process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }

    private static RespClient ConnectWhenUp(Laboratory lab)
    {
        RespClient? client = null;
        Until.True("redis-server accepts connections", TimeSpan.FromSeconds(10), () =>
        {
            try
            {
                client = Connect(lab);
                return true;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        });
        return client!;
    }

    /// <summary>The address of a node's card for synchronisation.</summary>
    public static IPAddress SynchronisationAddress(LabNode node)
    {
        string json = Shell.RunIn(node.Namespace, "ip", "-j", "-4", "address", "show", "dev", "sync");
        JsonElement first = JsonDocument.Parse(json).RootElement.EnumerateArray().First(link => link.TryGetProperty("addr_info", out JsonElement info) && info.GetArrayLength() > 0);
        return IPAddress.Parse(first.GetProperty("addr_info")[0].GetProperty("local").GetString()!);
    }

    // nsenter executes the program in its own process: its pid is redis-server's pid.
    private void Launch(string networkNamespace, params string[] more)
    {
        var start = new ProcessStartInfo("nsenter") { RedirectStandardOutput = true };
        foreach (string argument in (string[])[$"--net=/run/netns/{networkNamespace}", "redis-server", "--port", $"{Port}", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--appendonly", "no", "--loglevel", "warning",
            .. Diskless, .. more])
            start.ArgumentList.Add(argument);
        Process process = Process.Start(start) ?? throw new InvalidOperationException("redis-server did not start");
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        _processes.Add(process);
    }
}
