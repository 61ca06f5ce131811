using System.Text;
using Appliance.Configuration;
using Appliance.Listeners;
using Appliance.Listeners.Resp;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.Resp;

/// <summary>Commands on a store of a node alone, without sockets; the clock is the test's.</summary>
internal sealed class RespHarness : IRespServer, IDisposable
{
    private readonly StandaloneService _service;
    private readonly RespArgument[] _ranges = new RespArgument[4096];

    internal RespHarness(RespOptions? options = null, params ClassOptions[] classes)
    {
        Options = options ?? new RespOptions();
        _service = new StandaloneService("demo", new ClassPolicies(classes, 1), new BuzHash(new byte[BuzHash.SeedBytes]), new StoreLimits { MemoryBytes = 64 << 20 }, () => NowMilliseconds);
        Store = new SteeredStore(_service.Store);
        Pool = new NativeBufferPool(64 << 20, 16 << 20);
        Executor = new RespExecutor(Store, Options, Counters, Pool, this);
        Client = NewClient();
    }

    internal long NowMilliseconds { get; set; } = 1_700_000_000_000;

    internal Timestamp Now { get; set; } = new(1_000_000_000);

    internal RespOptions Options { get; }

    internal SteeredStore Store { get; }

    internal RespCounters Counters { get; } = new();

    internal NativeBufferPool Pool { get; }

    internal RespExecutor Executor { get; }

    /// <summary>The client that <see cref="Run(string)"/> speaks for.</summary>
    internal RespClient Client { get; set; }

    public Timestamp StartedAt => new(0);

    public int Port => 6379;

    public IEnumerable<RespClient> Clients => [Client];

    internal ExecutionOutcome LastOutcome { get; private set; }

    internal RespClient NewClient() => new(7, Options.PasswordDigest is null) { RemoteAddress = "127.0.0.1:5000", LocalAddress = "127.0.0.1:6379" };

    /// <summary>Executes a command line, split at blanks (quotes as inline commands have them), and answers the reply as Latin-1.</summary>
    internal string Run(string line)
    {
        byte[] scratch = new byte[line.Length + 1];
        Assert.Equal(RespParseStatus.Complete, InlineSplitter.TrySplit(Encoding.Latin1.GetBytes(line), _ranges, scratch, out int count));
        return Execute(new RespArguments(scratch, _ranges.AsSpan(0, count)));
    }

    /// <summary>Executes a command with arguments of any bytes.</summary>
    internal string Run(params byte[][] arguments)
    {
        byte[] bytes = [.. arguments.SelectMany(argument => argument)];
        int start = 0;
        for (int i = 0; i < arguments.Length; i++)
        {
            _ranges[i] = new RespArgument(start, arguments[i].Length);
            start += arguments[i].Length;
        }
        return Execute(new RespArguments(bytes, _ranges.AsSpan(0, arguments.Length)));
    }

    /// <summary>Executes without looking at the reply: for measuring allocations.</summary>
    internal void RunRaw(ReadOnlySpan<byte> bytes, ReadOnlySpan<RespArgument> ranges)
    {
        Executor.Output.Clear();
        LastOutcome = Executor.Execute(Now, Client, new RespArguments(bytes, ranges));
    }

    public void Dispose()
    {
        Executor.Dispose();
        Pool.Dispose();
        _service.Dispose();
    }

    private string Execute(RespArguments arguments)
    {
        Executor.Output.Clear();
        LastOutcome = Executor.Execute(Now, Client, arguments);
        return Encoding.Latin1.GetString(Executor.Output.Written);
    }
}
