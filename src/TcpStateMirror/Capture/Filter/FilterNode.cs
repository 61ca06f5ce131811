namespace Appliance.TcpStateMirror.Capture.Filter;

/// <summary>A part of a filter expression.</summary>
internal abstract record FilterNode;

internal sealed record NotNode(FilterNode Operand) : FilterNode;

internal sealed record BothNode(FilterNode Left, FilterNode Right) : FilterNode;

internal sealed record EitherNode(FilterNode Left, FilterNode Right) : FilterNode;

/// <summary>Every datagram that reaches the expression: it is TCP already.</summary>
internal sealed record AnyNode : FilterNode;

/// <summary>IPv4 or IPv6.</summary>
internal sealed record FamilyNode(int Version) : FilterNode;

/// <summary>Source or destination address within a network.</summary>
internal sealed record AddressNode(bool Source, byte[] Address, int PrefixBits) : FilterNode;

/// <summary>Source or destination port within a range.</summary>
internal sealed record PortNode(bool Source, uint First, uint Last) : FilterNode;

/// <summary>A field of the TCP header, masked, compared.</summary>
internal sealed record HeaderNode(uint Offset, int Size, uint Mask, string Comparison, uint Value) : FilterNode;
