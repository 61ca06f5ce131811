using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Redis;

/// <summary>Managed bytes that all nodes of a laboratory together allocate for a SET on a connection that stands; what asking them costs is subtracted.</summary>
internal static class AllocationMeter
{
    private const int Requests = 100_000, Pipeline = 100;

    internal static double BytesPerRequest(Laboratory lab)
    {
        using RespClient client = lab.Connect(lab.Primary);
        string value = new('v', 512);
        Write(client, value, 20 * Pipeline);
        Read(lab);
        double first = Read(lab), second = Read(lab);
        Write(client, value, Requests);
        double third = Read(lab);
        return Math.Max(0, third - second - (second - first)) / Requests;
    }

    private static double Read(Laboratory lab) => lab.Nodes.Sum(static node => node.Metric("appliance_gc_allocated_bytes_total"));

    private static void Write(RespClient client, string value, int requests)
    {
        for (int i = 0; i < requests; i += Pipeline)
        {
            for (int j = 0; j < Pipeline; j++) client.Queue("SET", $"key:{i + j:D12}", value);
            client.Flush();
            for (int j = 0; j < Pipeline; j++)
                if (client.Read() is { Text: not "OK" } reply) throw new InvalidDataException(reply.Text);
        }
    }
}
