using System.Text;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>Random commands and what the keys must hold after them: the oracle of the mirror tests. The seed decides everything.</summary>
internal sealed class KeyModel(int seed, int keys)
{
    private readonly Random _random = new(seed);
    private readonly Dictionary<string, (string Value, long Expiry)> _strings = [];
    private readonly Dictionary<string, (SortedDictionary<string, string> Fields, long Expiry)> _hashes = [];
    private readonly HashSet<string> _everUsed = [];
    private int _expiring;

    /// <summary>Live keys, the short-lived ones counted as gone.</summary>
    public int Count => _strings.Count + _hashes.Count;

    /// <summary>Queues one random command (or one MULTI block) and notes its effect.</summary>
    /// <returns>How many replies it makes.</returns>
    public int QueueOne(RespClient client, long nowMilliseconds)
    {
        int choice = _random.Next(100);
        if (choice < 4) return QueueExpiring(client, nowMilliseconds);
        if (choice >= 10) return QueueSimple(client, nowMilliseconds);
        client.Queue("MULTI");
        int count = _random.Next(1, 6);
        for (int i = 0; i < count; i++) QueueSimple(client, nowMilliseconds);
        client.Queue("EXEC");
        return count + 2;
    }

    /// <summary>Reads everything back from a node and compares it record by record.</summary>
    /// <returns>Differences, at most a few.</returns>
    public List<string> Differences(RespClient client)
    {
        var differences = new List<string>();
        foreach (string[] part in _everUsed.Order(StringComparer.Ordinal).Chunk(500))
        {
            foreach (string key in part)
            {
                if (key[0] == 'h') client.Queue("HGETALL", key);
                else client.Queue("GET", key);
                client.Queue("PEXPIRETIME", key);
            }
            client.Flush();
            foreach (string key in part)
            {
                string value = key[0] == 'h' ? Flatten(client.Read()) : client.Read().ToString();
                string expiry = client.Read().Text;
                (string expectedValue, string expectedExpiry) = Expected(key);
                if (value != expectedValue || expiry != expectedExpiry)
                    differences.Add($"{key}: has {Shorten(value)} expiring {expiry}, should have {Shorten(expectedValue)} expiring {expectedExpiry}");
            }
            if (differences.Count > 5) break;
        }
        return differences;
    }

    private static string Shorten(string text) => text.Length <= 200 ? text : text[..200] + "...";

    private static string Flatten(RespReply reply)
    {
        var fields = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i + 1 < reply.Items!.Length; i += 2) fields.Add(reply.Items[i].Text, reply.Items[i + 1].Text);
        return Flatten(fields);
    }

    private static string Flatten(SortedDictionary<string, string> fields) => string.Join(' ', fields.Select(field => $"{field.Key}={field.Value}"));

    private (string Value, string Expiry) Expected(string key)
    {
        static string Time(long expiry) => expiry == 0 ? "-1" : expiry.ToString();
        if (key[0] == 'h') return _hashes.TryGetValue(key, out var hash) ? (Flatten(hash.Fields), Time(hash.Expiry)) : ("", "-2");
        return _strings.TryGetValue(key, out var entry) ? (entry.Value, Time(entry.Expiry)) : ("(nil)", "-2");
    }

    // Written once and gone soon: whether it still lived when something else touched it can then never be in doubt.
    private int QueueExpiring(RespClient client, long now)
    {
        string key = $"e:{_expiring++}";
        _everUsed.Add(key);
        client.Queue("SET", key, Value(), "PXAT", (now + 500 + _random.Next(1500)).ToString());
        return 1;
    }

    private int QueueSimple(RespClient client, long now)
    {
        long later = now + 3_600_000 + _random.Next(1_000_000);
        int choice = _random.Next(100);
        if (choice < 40)
        {
            string key = Key('s'), value = Value();
            bool expires = _random.Next(4) == 0;
            if (expires) client.Queue("SET", key, value, "PXAT", later.ToString());
            else client.Queue("SET", key, value);
            _strings[key] = (value, expires ? later : 0);
        }
        else if (choice < 75)
        {
            string key = Key('h'), field = $"f{_random.Next(20)}", value = Value();
            client.Queue("HSET", key, field, value);
            if (!_hashes.TryGetValue(key, out var hash)) _hashes[key] = hash = (new SortedDictionary<string, string>(StringComparer.Ordinal), 0);
            hash.Fields[field] = value;
        }
        else if (choice < 90)
        {
            string key = Key(_random.Next(2) == 0 ? 's' : 'h');
            client.Queue("DEL", key);
            _strings.Remove(key);
            _hashes.Remove(key);
        }
        else
        {
            string key = Key(_random.Next(2) == 0 ? 's' : 'h');
            client.Queue("PEXPIREAT", key, later.ToString());
            if (_strings.TryGetValue(key, out var entry)) _strings[key] = (entry.Value, later);
            if (_hashes.TryGetValue(key, out var hash)) _hashes[key] = (hash.Fields, later);
        }
        return 1;
    }

    private string Key(char kind)
    {
        string key = $"{kind}:{_random.Next(keys)}";
        _everUsed.Add(key);
        return key;
    }

    private string Value()
    {
        int length = _random.Next(100) == 0 ? _random.Next(1500, 6000) : _random.Next(4, 80);
        var text = new StringBuilder(length);
        while (text.Length < length) text.Append((char)('a' + _random.Next(26)));
        return text.ToString();
    }
}
