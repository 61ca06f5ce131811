namespace Appliance.State;

/// <summary>One key of a batch: where it stands in the bytes given beside it.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
internal readonly record struct BatchKey(int Offset, int Length);

/// <summary>What a batched lookup found for one key.</summary>
/// <param name="Found">The key has a record (perhaps a tombstone, perhaps expired).</param>
/// <param name="ValueBytes">Length of its value; more than the stride means that it was not copied.</param>
/// <param name="Header">The record's header.</param>
internal readonly record struct BatchResult(bool Found, int ValueBytes, RecordHeader Header);
