using Appliance.State;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Mirroring.Oracle;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>One command of a client, from a seed.</summary>
internal sealed class Operation
{
    private readonly SimulationRandom _random;
    private readonly Kind _kind;
    private readonly int[] _keys;
    private readonly byte[] _value;

    internal Operation(ulong seed, bool hasBallast)
    {
        _random = new SimulationRandom(seed);
        int die = _random.Below(100);
        _kind = die switch
        {
            < 42 => Kind.Set,
            < 58 => Kind.Delete,
            < 64 => Kind.SetExpiry,
            < 76 => Kind.SetFields,
            < 82 => Kind.DeleteField,
            < 85 => Kind.DeleteHash,
            < 96 => Kind.Batch,
            _ => hasBallast ? Kind.Ballast : Kind.Set,
        };
        _keys = _kind switch
        {
            Kind.Set or Kind.Delete or Kind.SetExpiry => [_random.Below(KeySpace.Values)],
            Kind.SetFields or Kind.DeleteField or Kind.DeleteHash => [KeySpace.Values + _random.Below(KeySpace.Hashes)],
            Kind.Ballast => [KeySpace.FirstBallast + _random.Below(KeySpace.Ballast)],
            _ => [.. Enumerable.Range(KeySpace.FirstBatchKey + _random.Below(KeySpace.BatchGroups) * KeySpace.BatchKeys, KeySpace.BatchKeys)],
        };
        _value = new byte[_kind == Kind.Ballast ? MirrorPlan.MostValueBytes : sizeof(ulong) + _random.Below(_random.Chance(0.05) ? MirrorPlan.MostValueBytes / 2 : 60)];
        _random.Fill(_value);
    }

    private enum Kind
    {
        Set,
        Delete,
        SetExpiry,
        SetFields,
        DeleteField,
        DeleteHash,
        Batch,
        Ballast,
    }

    /// <summary>Keys that it writes.</summary>
    internal ReadOnlySpan<int> Keys => _keys;

    /// <summary>Most bytes that it writes to each.</summary>
    internal int MostBytes => 3 * (_value.Length + 64);

    /// <summary>Runs it; all of its keys were checked.</summary>
    internal void Run(ServiceStore store, long wallMilliseconds)
    {
        byte[] key = KeySpace.Key(_keys[0]);
        switch (_kind)
        {
            case Kind.Set:
            case Kind.Ballast:
                bool expires = _kind == Kind.Set && _random.Chance(0.25);
                store.Set(key, _value, expires ? wallMilliseconds + _random.Between(50, 6000) : 0);
                break;
            case Kind.Delete:
            case Kind.DeleteHash:
                store.Delete(key);
                break;
            case Kind.SetExpiry:
                store.SetExpiry(key, _random.Chance(0.3) ? 0 : wallMilliseconds + _random.Between(50, 6000));
                break;
            case Kind.SetFields:
                SetFields(store, key);
                break;
            case Kind.DeleteField:
                store.DeleteField(key, KeySpace.Field(_random.Below(KeySpace.Fields)));
                break;
            default:
                WriteTogether(store);
                break;
        }
    }

    private void SetFields(ServiceStore store, byte[] key)
    {
        int count = _random.Between(1, 3);
        store.BeginBatch();
        for (int i = 0; i < count; i++) store.SetField(key, KeySpace.Field(_random.Below(KeySpace.Fields)), _value);
        store.EndBatch();
    }

    // All keys of the group get the same value, or all are deleted: whoever sees another picture sees half of it.
    private void WriteTogether(ServiceStore store)
    {
        bool deletes = _random.Chance(0.2);
        store.BeginBatch();
        foreach (int key in _keys)
        {
            if (deletes) store.Delete(KeySpace.Key(key));
            else store.Set(KeySpace.Key(key), _value, 0);
        }
        store.EndBatch();
    }
}
