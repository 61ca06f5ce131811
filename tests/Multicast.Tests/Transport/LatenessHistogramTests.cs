using Appliance.Multicast.Transport;

namespace Appliance.Tests.Multicast.Transport;

public sealed class LatenessHistogramTests
{
    [Fact]
    public void Quantiles_are_the_upper_bounds_of_their_buckets()
    {
        var histogram = new LatenessHistogram();
        for (int i = 0; i < 98; i++) histogram.Record(3_000); // 3 us: bucket "less than 4"
        histogram.Record(900_000);
        histogram.Record(77_000_000);
        Assert.Equal(TimeSpan.FromMicroseconds(4), histogram.Quantile(0.5));
        Assert.Equal(TimeSpan.FromMicroseconds(1024), histogram.Quantile(0.99));
        Assert.Equal(TimeSpan.FromMilliseconds(77), histogram.Max);
        Assert.Equal(98, histogram.CountOf(2));
    }

    [Theory]
    [InlineData(-5)]
    [InlineData(0)]
    [InlineData(long.MaxValue)]
    public void Any_lateness_has_a_bucket(long nanoseconds)
    {
        var histogram = new LatenessHistogram();
        histogram.Record(nanoseconds);
        Assert.Equal(1, Enumerable.Range(0, LatenessHistogram.Buckets).Sum(histogram.CountOf));
    }
}
