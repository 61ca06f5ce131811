namespace Appliance.TcpStateMirror.Flows;

/// <summary>A value of a hello, copied. Its memory grows to the longest it held, up to a limit, and is used again. Not thread-safe.</summary>
internal sealed class TlsField(int maxBytes)
{
    private byte[] _bytes = [];
    private int _length;

    /// <summary>The value; empty when there is none or it was longer than the limit.</summary>
    public ReadOnlySpan<byte> Value => _bytes.AsSpan(0, _length);

    /// <summary>Takes a value.</summary>
    public void Set(ReadOnlySpan<byte> value)
    {
        _length = value.Length > maxBytes ? 0 : value.Length;
        if (_bytes.Length < _length) _bytes = new byte[Math.Min(maxBytes, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)_length))];
        value[.._length].CopyTo(_bytes);
    }

    /// <summary>Forgets the value, keeps the memory.</summary>
    public void Clear() => _length = 0;
}
