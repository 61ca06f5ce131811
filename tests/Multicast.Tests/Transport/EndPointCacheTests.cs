using System.Net;
using Appliance.Multicast.Interop;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Multicast.Transport;

public sealed class EndPointCacheTests
{
    [Fact]
    public void A_whole_group_is_remembered()
    {
        var cache = new EndPointCache();
        NativeAddress[] members = [.. from node in Enumerable.Range(1, 64) from port in new[] { 7770, 7771 } select new NativeAddress(new IPEndPoint(new IPAddress([10, 77, 0, (byte)node]), port))];
        IPEndPoint[] first = [.. members.Select(member => cache.Find(ref member))];
        int same = 0;
        for (int i = 0; i < members.Length; i++)
        {
            IPEndPoint again = cache.Find(ref members[i]);
            Assert.Equal(first[i], again);
            if (ReferenceEquals(first[i], again)) same++;
        }
        Assert.Equal(members.Length, same);
    }

    [Fact]
    public void Strangers_do_not_make_it_wrong()
    {
        var cache = new EndPointCache();
        for (int i = 0; i < 10_000; i++)
        {
            var endPoint = new IPEndPoint(new IPAddress([10, 1, (byte)(i >> 8), (byte)i]), 1000 + i);
            var address = new NativeAddress(endPoint);
            Assert.Equal(endPoint, cache.Find(ref address));
        }
    }
}
