using System.Text;
using Appliance.Configuration;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>A store on a node alone, with a clock that the test moves.</summary>
internal sealed class StoreFixture : IDisposable
{
    internal static readonly BuzHash Hash = new(Enumerable.Range(1, BuzHash.SeedBytes).Select(static i => (byte)i).ToArray());

    private readonly StandaloneService _service;

    internal StoreFixture(StoreLimits? limits = null, params ClassOptions[] classes)
    {
        _service = new StandaloneService("demo", new ClassPolicies(classes, 1), Hash, limits ?? new StoreLimits { MemoryBytes = 64 << 20 }, () => Now);
    }

    internal long Now { get; set; } = 1_700_000_000_000;

    internal ServiceStore Store => _service.Store;

    internal void Tick() => _service.Tick();

    internal void Set(string key, string value, long expiry = 0)
    {
        Assert.Equal(WriteRefusal.None, Store.CheckWrite(Bytes(key), value.Length));
        Store.Set(Bytes(key), Bytes(value), expiry);
    }

    internal string? Get(string key) => Store.TryRead(Bytes(key), out StoredValue value) ? Encoding.UTF8.GetString(value.Bytes) : null;

    internal bool SetField(string key, string field, string value) => Store.SetField(Bytes(key), Bytes(field), Bytes(value));

    internal string? GetField(string key, string field) =>
        Store.TryReadField(Bytes(key), Bytes(field), out StoredValue value) ? Encoding.UTF8.GetString(value.Bytes) : null;

    internal string Fields(string key)
    {
        var visitor = new Listing();
        Store.VisitFields(Bytes(key), ref visitor);
        return string.Join(' ', visitor.Entries);
    }

    internal string[] Keys()
    {
        var visitor = new Listing();
        ulong cursor = 0;
        do cursor = Store.Scan(cursor, 10, ref visitor);
        while (cursor != 0);
        return [.. visitor.Entries.Select(static entry => entry.Split('=')[0]).Order()];
    }

    public void Dispose() => _service.Dispose();

    internal static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private readonly struct Listing() : IStoreVisitor
    {
        internal readonly List<string> Entries = [];

        public void Visit(ReadOnlySpan<byte> name, in StoredValue value) =>
            Entries.Add($"{Encoding.UTF8.GetString(name)}={Encoding.UTF8.GetString(value.Bytes)}");
    }
}
