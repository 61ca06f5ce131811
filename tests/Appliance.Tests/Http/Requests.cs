using System.Text;
using Appliance.Configuration;
using Appliance.Listeners.Connections;
using Appliance.Listeners.Http;
using Appliance.Listeners.Tls;

namespace Appliance.Tests.Http;

/// <summary>A client's bytes, and what the server behind gets of them.</summary>
internal sealed unsafe class Requests : IDisposable
{
    internal const string Added = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n";

    internal Requests(Forwarded forwarded = Forwarded.Replace, int maxHeadBytes = 32 << 10, long memoryBytes = 8 << 20)
    {
        Memory = new ConnectionMemory(memoryBytes, 16, TlsOutput.ClearBytes);
        Client = new ScriptedConnection(Memory);
        Front = new HttpFront(Client, Memory, new HttpRules { Forwarded = forwarded, MaxHeadBytes = maxHeadBytes }, Encoding.ASCII.GetBytes(Added), Counters);
    }

    internal ConnectionMemory Memory { get; }

    internal TlsCounters Counters { get; } = new();

    internal ScriptedConnection Client { get; }

    internal HttpFront Front { get; }

    internal string Told => Encoding.Latin1.GetString([.. Client.Told]);

    /// <summary>What goes on of what the client says now.</summary>
    internal string Pass(string text, int maxBytes = TlsOutput.ClearBytes) => Pass(Encoding.Latin1.GetBytes(text), maxBytes);

    /// <summary>What goes on of what the client says now.</summary>
    internal string Pass(byte[] bytes, int maxBytes = TlsOutput.ClearBytes)
    {
        if (bytes.Length > 0) Client.Say(bytes);
        var passed = new StringBuilder();
        while (Front.IsReadable)
        {
            int received = Front.Receive(maxBytes);
            if (received < 0) break;
            passed.Append(Encoding.Latin1.GetString(Memory.Input, received));
        }
        return passed.ToString();
    }

    public void Dispose()
    {
        Front.Close();
        Assert.Equal(0, Memory.Pool.LentBytes);
        Memory.Dispose();
    }
}
