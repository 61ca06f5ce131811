namespace Appliance.Multicast.Protocol;

/// <summary>Accepts every counter once, if it is not older than 63 below the newest (RFC 4303, 3.4.3). Rule P-14.</summary>
internal struct ReplayWindow
{
    private ulong _newest;
    private ulong _seen;                                   // bit i: newest - i was seen

    /// <summary>Whether the counter is new. Ask before opening, <see cref="Accept"/> after.</summary>
    public readonly bool IsNew(ulong counter) =>
        counter > _newest || (_newest - counter < 64 && (_seen >> (int)(_newest - counter) & 1) == 0);

    /// <summary>Remembers an authentic counter.</summary>
    public void Accept(ulong counter)
    {
        if (counter > _newest)
        {
            ulong shift = counter - _newest;
            _seen = shift >= 64 ? 1 : _seen << (int)shift | 1;
            _newest = counter;
        }
        else if (_newest - counter < 64)
        {
            _seen |= 1UL << (int)(_newest - counter);
        }
    }
}
