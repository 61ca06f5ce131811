using System.Collections.Concurrent;
using System.Diagnostics;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 4: a write that was acknowledged survives its primary; one that was lost stays lost.</summary>
[Trait("Demand", "A14")]
public sealed class Acknowledged_writes
{
    private const int Writers = 8;

    [RootFact]
    public void Killing_the_primary_at_any_moment_loses_no_acknowledged_write_and_revives_no_lost_one()
    {
        int rounds = TestCounts.Of("system.acknowledged.kills");
        int seed = Environment.TickCount;
        var random = new Random(seed);
        using Laboratory lab = Laboratory.Up();
        long acknowledgedInAll = 0;
        double writingSeconds = 0;

        for (int round = 0; round < rounds; round++)
        {
            var acknowledged = new ConcurrentBag<string>();
            var asked = new ConcurrentBag<string>();
            RespClient[] clients = [.. Enumerable.Range(0, Writers).Select(_ => lab.Connect(lab.Primary))];
            long start = Stopwatch.GetTimestamp();
            int thisRound = round;
            Thread[] threads = [.. clients.Select((client, index) => new Thread(() => Write(client, $"cart:{thisRound}:{index}", asked, acknowledged)))];
            foreach (Thread thread in threads) thread.Start();
            TimeSpan moment = TimeSpan.FromMilliseconds(200 + random.Next(300));
            SpinWait.SpinUntil(() => Stopwatch.GetElapsedTime(start) >= moment);
            string primary = lab.Primary.Id;
            lab.Lab("kill", primary);
            foreach (Thread thread in threads) thread.Join();
            foreach (RespClient client in clients) client.Dispose();
            writingSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
            acknowledgedInAll += acknowledged.Count;

            List<LabNode> survivors = [.. lab.Nodes.Where(node => node.Id != primary)];
            HashSet<string> held = [.. survivors.SelectMany(node => Present(lab, node, asked))];
            string[] lost = [.. acknowledged.Where(key => !held.Contains(key))];
            Assert.True(lost.Length == 0, $"seed {seed}, round {round}: {lost.Length} of {acknowledged.Count} acknowledged writes are on no survivor, among them {lost.FirstOrDefault()}");
            List<string> seenAbsent = [.. asked.Where(key => !held.Contains(key))];

            lab.Lab("start", primary);
            lab.AwaitConverged(TimeSpan.FromSeconds(20));

            foreach (LabNode node in lab.Nodes)
            {
                List<string> revived = Present(lab, node, seenAbsent);
                Assert.True(revived.Count == 0, $"seed {seed}, round {round}: {node.Id} shows {revived.FirstOrDefault()}, which had been absent from all survivors");
                int present = Present(lab, node, acknowledged).Count;
                Assert.True(present == acknowledged.Count, $"seed {seed}, round {round}: {node.Id} holds {present} of {acknowledged.Count} acknowledged writes after the recovery");
            }
        }

        Assert.True(acknowledgedInAll / writingSeconds >= 1000, $"only {acknowledgedInAll / writingSeconds:F0} acknowledged writes per second were in flight");
    }

    private static void Write(RespClient client, string prefix, ConcurrentBag<string> asked, ConcurrentBag<string> acknowledged)
    {
        const int pipeline = 8;
        var inFlight = new Queue<string>();
        try
        {
            for (int i = 0; ; i++)
            {
                string key = $"{prefix}:{i}";
                asked.Add(key);
                inFlight.Enqueue(key);
                client.Queue("SET", key, $"value of {key}");
                client.Flush();
                if (inFlight.Count < pipeline) continue;
                RespReply reply = client.Read();
                string answered = inFlight.Dequeue();
                if (!reply.IsError) acknowledged.Add(answered);
            }
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
        {
            // The primary died under this client, as the test wants: what was in flight has no known outcome.
        }
    }

    private static List<string> Present(Laboratory lab, LabNode node, IReadOnlyCollection<string> keys)
    {
        var present = new List<string>();
        using RespClient client = lab.Connect(node);
        foreach (string[] part in keys.Chunk(500))
        {
            foreach (string key in part) client.Queue("EXISTS", key);
            client.Flush();
            foreach (string key in part)
            {
                RespReply reply = client.Read();
                Assert.False(reply.IsError, reply.Text);
                if (reply.Text == "1") present.Add(key);
            }
        }
        return present;
    }
}
