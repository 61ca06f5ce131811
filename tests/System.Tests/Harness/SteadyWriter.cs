using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Writes numbered records until it is stopped, and compares afterwards, record by record, what nodes hold. Any error reply fails the test.</summary>
internal sealed class SteadyWriter : IDisposable
{
    private const int Pipeline = 16;
    private readonly RespClient _client;
    private readonly string _prefix;
    private readonly Thread _thread;
    private volatile bool _stop;
    private long _written;
    private Exception? _failure;

    /// <param name="client">Owned from now on.</param>
    /// <param name="prefix">Of the keys: decides their class.</param>
    public SteadyWriter(RespClient client, string prefix)
    {
        _client = client;
        _prefix = prefix;
        _thread = new Thread(Write);
        _thread.Start();
    }

    /// <summary>Records written and answered.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Waits until so many more are written.</summary>
    public void AwaitMore(long count, string why)
    {
        long goal = Written + count;
        Until.True($"{count} more records are written {why}", TimeSpan.FromSeconds(20), () => _failure is not null || Written >= goal);
        Assert.True(_failure is null, $"writing failed: {_failure}");
    }

    /// <summary>Stops; everything written is answered.</summary>
    public void Stop()
    {
        _stop = true;
        _thread.Join();
        Assert.True(_failure is null, $"writing failed: {_failure}");
    }

    /// <summary>Compares every record that was written with what a node holds.</summary>
    /// <param name="reader">A connection to it.</param>
    /// <param name="who">For the message.</param>
    public void AssertHeldBy(RespClient reader, string who)
    {
        const int part = 1000;
        for (long first = 0; first < _written; first += part)
        {
            long end = Math.Min(first + part, _written);
            for (long i = first; i < end; i++) reader.Queue("GET", Key(i));
            reader.Flush();
            for (long i = first; i < end; i++)
            {
                string held = reader.Read().ToString();
                Assert.True(held == Value(i), $"{who} holds '{held}' as {Key(i)} instead of '{Value(i)}'");
            }
        }
    }

    public void Dispose()
    {
        _stop = true;
        _client.ReceiveTimeout = TimeSpan.FromSeconds(2);
        _thread.Join();
        _client.Dispose();
    }

    private static string Value(long number) => $"value {number} of a steady writer";

    private string Key(long number) => $"{_prefix}{number}";

    private void Write()
    {
        try
        {
            while (!_stop)
            {
                long next = _written;
                for (int i = 0; i < Pipeline; i++) _client.Queue("SET", Key(next + i), Value(next + i));
                _client.Flush();
                for (int i = 0; i < Pipeline; i++)
                {
                    RespReply reply = _client.Read();
                    if (reply.IsError) throw new InvalidOperationException(reply.Text);
                    Volatile.Write(ref _written, _written + 1);
                }
            }
        }
        catch (Exception exception)
        {
            _failure = exception;
        }
    }
}
