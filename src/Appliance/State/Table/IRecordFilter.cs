namespace Appliance.State;

/// <summary>Chooses records by their header alone, for <see cref="StateTable.Sweep"/> and <see cref="StateTable.Sample"/>.</summary>
internal interface IRecordFilter
{
    /// <summary>The record is wanted.</summary>
    bool Wants(in RecordHeader header);
}
