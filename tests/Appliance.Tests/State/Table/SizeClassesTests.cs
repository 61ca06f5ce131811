using Appliance.State;

namespace Appliance.Tests.Appliance.State.Table;

public sealed class SizeClassesTests
{
    [Fact]
    public void Every_size_has_the_smallest_class_that_holds_it_and_wastes_at_most_an_eighth()
    {
        for (int bytes = 1; bytes <= SizeClasses.MaxBytes; bytes++)
        {
            int index = SizeClasses.IndexOf(bytes);
            int slot = SizeClasses.BytesOf(index);
            Assert.True(slot >= bytes && slot % 8 == 0, $"{bytes} bytes in a slot of {slot}");
            Assert.True(index == 0 || SizeClasses.BytesOf(index - 1) < bytes, $"{bytes} bytes would fit into the class before");
            Assert.True(bytes < SizeClasses.MinBytes || slot - bytes < Math.Max(8, bytes / 8), $"{slot - bytes} of {slot} bytes wasted");
        }
        Assert.Equal(SizeClasses.MaxBytes, SizeClasses.BytesOf(SizeClasses.Count - 1));
    }
}
