using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Oracle;

/// <summary>The observer notices each kind of broken promise.</summary>
public sealed class ReceivedStreamTests
{
    private readonly StreamLedger _stream = new(0, 0, 1);
    private readonly ReceivedStream _received;

    public ReceivedStreamTests()
    {
        _stream.Add(20, 1, batchContinues: false);
        _stream.Add(30, 1, batchContinues: false);
        _stream.Add(40, 2, batchContinues: true);
        _stream.Add(50, 3, batchContinues: false);
        _stream.Add(60, 4, batchContinues: false);
        _received = new ReceivedStream(_stream, "receiver");
    }

    [Fact]
    public void What_was_published_is_accepted()
    {
        Deliver(1, 0, 1);
        Deliver(3, 2, 3);
        Deliver(4, 4);
        Assert.Equal(5, _received.Delivered);
    }

    [Fact]
    public void A_message_twice_is_a_violation()
    {
        Deliver(1, 0, 1);
        Violates(() => Deliver(1, 1));
    }

    [Fact]
    public void Messages_out_of_order_are_a_violation() => Violates(() => Deliver(1, 1, 0));

    [Fact]
    public void A_claim_beyond_what_was_delivered_is_a_violation()
    {
        Deliver(1, 0, 1);
        Violates(() => Deliver(4, 2, 3));
    }

    [Fact]
    public void Half_a_batch_is_a_violation()
    {
        Deliver(1, 0, 1);
        Violates(() => Deliver(2, 2));
    }

    [Fact]
    public void A_message_that_was_never_published_is_a_violation()
    {
        Deliver(1, 0, 1);
        Deliver(3, 2, 3);
        Deliver(4, 4);
        Violates(() => Deliver(5, 4));
    }

    [Fact]
    public void A_reported_gap_is_accepted_and_what_follows_must_come()
    {
        Deliver(1, 0, 1);
        _received.Gap(2, 3);
        Assert.Equal(2UL, _received.OpenGapFrom);
        Deliver(4, 4);
        Assert.Equal(3, _received.Delivered);
    }

    [Fact]
    public void A_gap_that_leaves_something_out_is_a_violation() => Violates(() => _received.Gap(2, 3));

    [Fact]
    public void A_gap_over_what_was_delivered_is_a_violation()
    {
        Deliver(1, 0, 1);
        Violates(() => _received.Gap(1, 3));
    }

    private static void Violates(Action action) => Assert.Throws<InvariantViolation>(action);

    private void Deliver(ulong through, params int[] messages)
    {
        byte[] frames = new byte[messages.Sum(i => MessageRun.FrameHeaderBytes + _stream[i].Length)];
        Span<byte> rest = frames;
        foreach (int i in messages)
        {
            MessageRun.WriteHeader(rest, _stream[i].Length, _stream[i].BatchContinues);
            Payload.Write(0, i, rest.Slice(MessageRun.FrameHeaderBytes, _stream[i].Length));
            rest = rest[(MessageRun.FrameHeaderBytes + _stream[i].Length)..];
        }
        _received.Deliver(through, new MessageRun(frames));
    }
}
