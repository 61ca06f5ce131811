using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Appliance.Lab;

/// <summary>The addresses of a laboratory. In namespaces they are the same for all laboratories; on loopback they follow from the name, so that several do not meet.</summary>
internal sealed class LabAddresses
{
    /// <summary>Most nodes: the ids are single letters and a group has no more members.</summary>
    internal const int MaxNodes = 16;

    private readonly bool _loopback;
    private readonly byte[] _hash;

    internal LabAddresses(string name, bool loopback)
    {
        _loopback = loopback;
        _hash = SHA256.HashData(Encoding.UTF8.GetBytes(name));
    }

    /// <summary>Address of the client namespace.</summary>
    internal const string Client = "10.0.0.100";

    /// <summary>Address of the backend: its namespace's, or one on loopback.</summary>
    internal string Backend => Format(_loopback ? $"127.{LoopbackNet}.{_hash[1]}.{{0}}" : "10.0.0.{0}", 199);

    /// <summary>Port of the backend's HTTP server; on loopback one that needs no privilege.</summary>
    internal int BackendPort => _loopback ? 8080 : 80;

    /// <summary>Where the service is, whichever node is its primary.</summary>
    internal const string Service = "10.0.0.150", Service6 = "fd00::150";

    /// <summary>Where the second service is.</summary>
    internal const string SecondService = "10.0.0.151", SecondService6 = "fd00::151";

    /// <summary>The id of the n-th node, from 0.</summary>
    internal static string IdOf(int index) => ((char)('a' + index)).ToString();

    /// <summary>Where a node's listeners are.</summary>
    internal string Front(int index) => Format(_loopback ? $"127.{LoopbackNet}.{_hash[1]}.{{0}}" : "10.0.0.{0}", index);

    /// <summary>Where the group meets.</summary>
    internal string Sync(int index) => Format(_loopback ? $"127.{LoopbackNet}.{_hash[1]}.{{0}}" : "10.77.0.{0}", index);

    /// <summary>The group's multicast address.</summary>
    internal string Multicast => _loopback ? string.Create(CultureInfo.InvariantCulture, $"239.192.{_hash[2]}.{_hash[3]}") : "239.192.77.1";

    /// <summary>The group's port. On loopback a multicast datagram reaches every socket of its port: other laboratories should have another.</summary>
    internal int GroupPort => _loopback ? 20000 + 2 * (BitConverter.ToUInt16(_hash, 4) % 6000) : 7770;

    private int LoopbackNet => 64 + _hash[0] % 64;

    private static string Format(string pattern, int index) => string.Format(CultureInfo.InvariantCulture, pattern, index + 1);
}
