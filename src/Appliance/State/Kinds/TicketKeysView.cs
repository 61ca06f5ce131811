using System.Buffers.Binary;

namespace Appliance.State;

/// <summary>Value of a <see cref="RecordKind.TicketKeys"/>: the keys of TLS session tickets, oldest first (A6). Secret. Valid until the table changes.</summary>
/// <remarks>
/// <code>
///  0        1       2     4
///  | layout | count | 0 0 | count x (epoch u32 | created i64 | name 16 | AES-256 key 32 | HMAC-SHA-256 key 32) |
/// </code>
/// Integers are big-endian, layout is 1; created in milliseconds since the Unix epoch on the clock of the primary that made it. Epochs rise by one.
/// </remarks>
internal readonly ref struct TicketKeysView
{
    /// <summary>Most keys; the oldest makes room.</summary>
    internal const int MaxKeys = 16;

    /// <summary>Bytes of one key with its epoch.</summary>
    internal const int KeyBytes = 12 + SecretBytes;

    /// <summary>Name and keys.</summary>
    internal const int SecretBytes = 16 + 32 + 32;

    /// <summary>The one key under which a service has such a record.</summary>
    internal static ReadOnlySpan<byte> RecordKey => "tls:ticket-keys"u8;

    private const byte Layout = 1;
    private const int HeaderBytes = 4;
    private readonly ReadOnlySpan<byte> _bytes;

    private TicketKeysView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Largest value.</summary>
    internal static int MaxBytes => HeaderBytes + MaxKeys * KeyBytes;

    /// <summary>Keys, at least one.</summary>
    internal int Count => _bytes[1];

    /// <summary>The number of a key.</summary>
    internal uint Epoch(int index) => BinaryPrimitives.ReadUInt32BigEndian(Key(index));

    /// <summary>When it was made.</summary>
    internal long CreatedMilliseconds(int index) => BinaryPrimitives.ReadInt64BigEndian(Key(index)[4..]);

    /// <summary>Name, AES key, HMAC key.</summary>
    internal ReadOnlySpan<byte> Secret(int index) => Key(index)[12..];

    /// <summary>Views a value; after true no member can fail for indexes below <see cref="Count"/>.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> value, out TicketKeysView view)
    {
        view = default;
        if (value.Length < HeaderBytes || value[0] != Layout || value[1] is 0 or > MaxKeys || value.Length != HeaderBytes + value[1] * KeyBytes) return false;
        view = new TicketKeysView(value);
        return true;
    }

    /// <summary>Writes the header of a value for so many keys.</summary>
    /// <returns>Bytes of the whole value.</returns>
    internal static int WriteHeader(Span<byte> destination, int count)
    {
        destination[0] = Layout;
        destination[1] = (byte)count;
        destination[2] = destination[3] = 0;
        return HeaderBytes + count * KeyBytes;
    }

    /// <summary>Where a key stands in a value that is being written.</summary>
    internal static Span<byte> KeyAt(Span<byte> value, int index) => value.Slice(HeaderBytes + index * KeyBytes, KeyBytes);

    /// <summary>Writes epoch and time of a key; the secret follows at byte 12.</summary>
    internal static void WriteKey(Span<byte> key, uint epoch, long createdMilliseconds)
    {
        BinaryPrimitives.WriteUInt32BigEndian(key, epoch);
        BinaryPrimitives.WriteInt64BigEndian(key[4..], createdMilliseconds);
    }

    private ReadOnlySpan<byte> Key(int index) => _bytes.Slice(HeaderBytes + index * KeyBytes, KeyBytes);
}
