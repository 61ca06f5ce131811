namespace Appliance.TcpStateMirror.Capture;

/// <summary>Reads a stream piece by piece without copying each. Its memory grows to the longest piece, up to a limit. Not thread-safe.</summary>
internal sealed class InputBuffer(Stream stream, string name) : IDisposable
{
    /// <summary>Longest piece: a block of pcapng with a frame and its options. No capture program writes frames of more than 256 KiB.</summary>
    public const int MaxPieceBytes = 16 << 20;

    private byte[] _bytes = new byte[1 << 18];
    private int _start, _end;

    /// <summary>What messages call the input.</summary>
    public string Name { get; } = name;

    /// <summary>Bytes taken so far.</summary>
    public long Position { get; private set; }

    /// <summary>The next bytes, without taking them; fewer at the end of the input. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Peek(int count)
    {
        while (_end - _start < count && Fill(count))
        {
        }
        return _bytes.AsSpan(_start, Math.Min(count, _end - _start));
    }

    /// <summary>Takes bytes.</summary>
    /// <returns>False when the input ends before; then nothing is taken.</returns>
    public bool TryTake(int count, out ReadOnlySpan<byte> bytes)
    {
        bytes = _end - _start >= count ? _bytes.AsSpan(_start, count) : Peek(count);
        if (bytes.Length < count) return false;
        _start += count;
        Position += count;
        return true;
    }

    /// <summary>What is left as a stream.</summary>
    public Stream AsStream() => new RestStream(this);

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();

    private bool Fill(int count)
    {
        if (_start > 0)
        {
            Buffer.BlockCopy(_bytes, _start, _bytes, 0, _end - _start);
            (_start, _end) = (0, _end - _start);
        }
        if (count > _bytes.Length) Array.Resize(ref _bytes, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count));
        try
        {
            int read = stream.Read(_bytes, _end, _bytes.Length - _end);
            _end += read;
            return read > 0;
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new CaptureException($"{Name} cannot be read further: {error.Message}");
        }
    }

    private sealed class RestStream(InputBuffer input) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int available = Math.Min(buffer.Length, Math.Max(1, input._end - input._start));
            ReadOnlySpan<byte> bytes = input.Peek(available);
            bytes.CopyTo(buffer);
            input._start += bytes.Length;
            return bytes.Length;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) input.Dispose();
        }
    }
}
