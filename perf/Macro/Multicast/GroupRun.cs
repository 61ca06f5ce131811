namespace Appliance.Perf.Macro.Multicast;

/// <summary>What one run of the group measured.</summary>
/// <param name="PerSecond">Messages per second that every receiver has, from the first publish until the sender knows that all have all.</param>
/// <param name="SenderBytesPerMessage">Managed bytes allocated on the sender's loop.</param>
/// <param name="ReceiverBytesPerMessage">Managed bytes allocated on the worse receiver's loop.</param>
/// <param name="P50Microseconds">Publish to deliver, median, worse receiver.</param>
/// <param name="P99Microseconds">Publish to deliver, 99th percentile, worse receiver.</param>
/// <param name="ProcessorMicroseconds">Processor time of all three processes per message, the kernel's work for them included: what a loaded machine changes least.</param>
internal sealed record GroupRun(double PerSecond, double SenderBytesPerMessage, double ReceiverBytesPerMessage, double P50Microseconds, double P99Microseconds,
    double ProcessorMicroseconds);
