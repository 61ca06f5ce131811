using System.Net;
using System.Net.Sockets;
using Appliance.Configuration;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 5: what strangers send is counted and refused, and changes nothing.</summary>
public sealed class Hostile_network
{
    private const int Keys = 2000;

    [RootFact]
    public void Forged_replayed_truncated_and_flipped_datagrams_are_counted_and_change_nothing()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        LabNode target = lab.Secondaries[0], vantage = lab.Secondaries[^1];
        using Wiretap wire = Wiretap.Open(vantage);
        using RespClient writer = lab.Connect(lab.Primary), reader = lab.Connect(target);
        Write(writer, "old");
        lab.AwaitConverged(TimeSpan.FromSeconds(10));
        List<byte[]> captured = wire.Take();
        Assert.NotEmpty(captured);
        Write(writer, "new");
        lab.AwaitConverged(TimeSpan.FromSeconds(10));
        double refusedBefore = Refused(target);
        ulong incarnation = target.Status().GetProperty("incarnation").GetUInt64();

        int sent = 0;
        foreach (byte[] datagram in captured.Concat(captured))
        {
            wire.Send(datagram);                                                // replayed
            wire.Send(datagram.AsSpan(0, random.Next(datagram.Length)));        // truncated
            byte[] flipped = [.. datagram];
            flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
            wire.Send(flipped);
            byte[] forged = [.. datagram];
            random.NextBytes(forged.AsSpan(Math.Min(forged.Length, 32)));       // a good header over rubbish
            wire.Send(forged);
            byte[] noise = new byte[random.Next(1, 1473)];
            random.NextBytes(noise);
            wire.Send(noise);
            sent += 5;
        }

        Until.True($"seed {seed}: {target.Id} counts what it refused", TimeSpan.FromSeconds(10), () => Refused(target) - refusedBefore >= sent / 5);
        for (int i = 0; i < Keys; i++) Assert.Equal("new", reader.Call("GET", $"k:{i}").Text);
        Assert.Equal(incarnation, target.Status().GetProperty("incarnation").GetUInt64());
        Assert.Equal("OK", writer.Call("SET", "after", "1").Text);
        Until.True("the mirror goes on", TimeSpan.FromSeconds(5), () => reader.Call("GET", "after").Text == "1");
    }

    [RootFact]
    public void A_rotation_of_the_group_key_under_load_loses_nothing()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        using RespClient writer = lab.Connect(lab.Primary);
        bool stop = false;
        long written = 0;
        Exception? failure = null;
        var load = new Thread(() =>
        {
            try
            {
                for (; !Volatile.Read(ref stop); written++) Assert.Equal("OK", writer.Call("SET", $"k:{written}", $"{written}").Text);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        load.Start();

        lab.RotateGroupKey();
        long atRotation = Volatile.Read(ref written);
        Until.True("writing goes on after the rotation", TimeSpan.FromSeconds(10), () => Volatile.Read(ref written) > atRotation + 1000);
        Volatile.Write(ref stop, true);
        load.Join();
        Assert.Null(failure);
        lab.AwaitConverged(TimeSpan.FromSeconds(10));

        foreach (LabNode node in lab.Nodes)
        {
            using RespClient reader = lab.Connect(node);
            Assert.Equal(written.ToString(), reader.Call("DBSIZE").Text);
            for (long i = 0; i < written; i += 97) Assert.Equal($"{i}", reader.Call("GET", $"k:{i}").Text);
        }
    }

    private static double Refused(LabNode node) => node.Metric("appliance_multicast_dropped_.*");

    private static void Write(RespClient writer, string value)
    {
        for (int i = 0; i < Keys; i++) writer.Queue("SET", $"k:{i}", value);
        writer.Flush();
        for (int i = 0; i < Keys; i++) Assert.False(writer.Read().IsError);
    }

    /// <summary>Someone on the sync network who hears the group and sends to it, without the key.</summary>
    private sealed class Wiretap : IDisposable
    {
        private readonly Socket _socket;
        private readonly IPEndPoint _group;

        private Wiretap(Socket socket, IPEndPoint group) => (_socket, _group) = (socket, group);

        public static Wiretap Open(LabNode node) => NetworkNamespace.Run(node.Namespace, () =>
        {
            (IPEndPoint group, IPAddress local) = GroupOf(node);
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 8 << 20 };
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, local.GetAddressBytes());
            socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership, new MulticastOption(group.Address, local));
            socket.Bind(group);
            return new Wiretap(socket, group);
        });

        // The group's address and port stand in the node's configuration; its own address among the members.
        private static (IPEndPoint Group, IPAddress Local) GroupOf(LabNode node)
        {
            ApplianceConfiguration configuration = Place.ConfigurationOf(node);
            return (new IPEndPoint(configuration.Group.Address, configuration.Group.Port), configuration.Group.AddressOf(node.Id)!);
        }

        public List<byte[]> Take()
        {
            var taken = new List<byte[]>();
            byte[] buffer = new byte[65536];
            while (_socket.Poll(0, SelectMode.SelectRead) && taken.Count < 5000)
            {
                int length = _socket.Receive(buffer);
                taken.Add(buffer[..length]);
            }
            return taken;
        }

        public void Send(ReadOnlySpan<byte> datagram) => _socket.SendTo(datagram, SocketFlags.None, _group);

        public void Dispose() => _socket.Dispose();
    }
}
