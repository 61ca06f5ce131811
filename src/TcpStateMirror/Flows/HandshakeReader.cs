using System.Buffers.Binary;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>
/// Reads the plain handshake messages of one direction of a TLS connection from its bytes in order, however they are cut into records and segments.
/// Only hellos and tickets are kept; all other messages are skipped as they pass. Not thread-safe.
/// </summary>
internal sealed class HandshakeReader
{
    internal const byte ClientHello = 1, ServerHello = 2, NewSessionTicket = 4, Certificate = 11, ServerKeyExchange = 12, ServerHelloDone = 14;

    private const int MessageHeaderBytes = 4;
    private const int MaxMessageBytes = 65536; // a hello with post-quantum keys and a long ticket has a few thousand

    private readonly byte[] _header = new byte[TlsRecordView.HeaderBytes], _messageHeader = new byte[MessageHeaderBytes];
    private byte[] _message = [];
    private int _headerBytes, _messageHeaderBytes, _recordLeft, _messageLeft, _messageBytes;
    private byte _recordType;
    private bool _keep;

    /// <summary>Nothing more is to be learned from this direction.</summary>
    public bool Done { get; private set; }

    /// <summary>The bytes were no TLS, or a hello was malformed.</summary>
    public bool Failed { get; private set; }

    /// <summary>Takes the next bytes of the stream.</summary>
    /// <param name="bytes">Bytes, in order and without a gap.</param>
    /// <param name="fromClient">Direction.</param>
    /// <param name="facts">Where what is read goes.</param>
    public void Read(ReadOnlySpan<byte> bytes, bool fromClient, TlsFacts facts)
    {
        while (!bytes.IsEmpty && !Done)
        {
            if (_recordLeft == 0)
            {
                if (!Collect(_header, ref _headerBytes, ref bytes)) return;
                _headerBytes = 0;
                if (!TlsRecordView.TryParse(_header, out TlsRecordView record))
                {
                    Fail();
                    return;
                }
                (_recordType, _recordLeft) = (record.Type, record.FragmentBytes);
                OnRecord(fromClient, facts);
                continue;
            }
            ReadOnlySpan<byte> part = bytes[..Math.Min(_recordLeft, bytes.Length)];
            bytes = bytes[part.Length..];
            _recordLeft -= part.Length;
            if (_recordType == TlsRecordView.Handshake) ReadMessages(part, fromClient, facts);
        }
    }

    /// <summary>Bytes are missing for good.</summary>
    public void GiveUp() => Done = true;

    /// <summary>Begins anew; keeps its memory.</summary>
    public void Clear()
    {
        (_headerBytes, _messageHeaderBytes, _recordLeft, _messageLeft, _messageBytes) = (0, 0, 0, 0, 0);
        (_keep, Done, Failed) = (false, false, false);
    }

    private void OnRecord(bool fromClient, TlsFacts facts)
    {
        switch (_recordType)
        {
            case TlsRecordView.ChangeCipherSpec:
                // TLS 1.3 sends one for the sake of old boxes in between, also before a second ClientHello; elsewhere all is encrypted from here on.
                if (!fromClient && facts.Version is > 0 and < TlsVersions.Tls13) facts.TellResumed(true);
                if (facts.HasServerHello) Done = true;
                break;
            case TlsRecordView.ApplicationData:
                Done = true;
                break;
        }
    }

    private void ReadMessages(ReadOnlySpan<byte> bytes, bool fromClient, TlsFacts facts)
    {
        while (!bytes.IsEmpty && !Done)
        {
            if (_messageLeft == 0)
            {
                if (!Collect(_messageHeader, ref _messageHeaderBytes, ref bytes)) return;
                _messageHeaderBytes = 0;
                Begin(fromClient, facts);
                if (Done) return;
            }
            ReadOnlySpan<byte> part = bytes[..Math.Min(_messageLeft, bytes.Length)];
            bytes = bytes[part.Length..];
            _messageLeft -= part.Length;
            if (_keep)
            {
                part.CopyTo(_message.AsSpan(_messageBytes));
                _messageBytes += part.Length;
            }
            if (_messageLeft == 0 && _keep) End(facts);
        }
    }

    private void Begin(bool fromClient, TlsFacts facts)
    {
        byte type = _messageHeader[0];
        _messageLeft = BinaryPrimitives.ReadInt32BigEndian(_messageHeader) & 0xff_ffff;
        _messageBytes = 0;
        _keep = fromClient ? type == ClientHello : type is ServerHello or NewSessionTicket;
        if (!fromClient && type is Certificate or ServerKeyExchange or ServerHelloDone) facts.TellResumed(false);
        if (_messageLeft > MaxMessageBytes)
        {
            if (_keep) Fail();
            return;
        }
        if (_keep && _message.Length < _messageLeft) _message = new byte[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)_messageLeft)];
        if (_keep && _messageLeft == 0) Fail(); // no hello is empty
    }

    private void End(TlsFacts facts)
    {
        _keep = false;
        ReadOnlySpan<byte> body = _message.AsSpan(0, _messageBytes);
        switch (_messageHeader[0])
        {
            case ClientHello when ClientHelloView.TryParse(body, out ClientHelloView client):
                facts.Take(client);
                break;
            case ServerHello when ServerHelloView.TryParse(body, out ServerHelloView server):
                facts.Take(server);
                Done = facts.Version >= TlsVersions.Tls13; // the rest is encrypted
                break;
            case NewSessionTicket when NewSessionTicketView.TryParse(body, out NewSessionTicketView ticket):
                facts.Take(ticket);
                break;
            default:
                Fail();
                break;
        }
    }

    private void Fail() => (Done, Failed) = (true, true);

    private static bool Collect(byte[] target, ref int have, ref ReadOnlySpan<byte> bytes)
    {
        int part = Math.Min(target.Length - have, bytes.Length);
        bytes[..part].CopyTo(target.AsSpan(have));
        bytes = bytes[part..];
        have += part;
        return have == target.Length;
    }
}
