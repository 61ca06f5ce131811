using System.Net;
using Appliance.Configuration;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Configuration;

/// <summary>Each type of a setting: what is read, and what is not.</summary>
public sealed class Reading_values
{
    [Theory]
    [InlineData("yes", true), InlineData("on", true), InlineData("true", true), InlineData("no", false), InlineData("off", false), InlineData("false", false)]
    public void A_yes_or_no(string text, bool expected) => Assert.Equal(expected, Read<bool>(text));

    [Theory]
    [InlineData("Yes"), InlineData("1"), InlineData("")]
    public void Nothing_else_is_a_yes_or_no(string text) => Refuse<bool>(text);

    [Theory]
    [InlineData("10.77.0.1"), InlineData("fd00::1"), InlineData("::1")]
    public void An_address(string text) => Assert.Equal(IPAddress.Parse(text), Read<IPAddress>(text));

    [Theory]
    [InlineData("10"), InlineData("0x7f.0.0.1"), InlineData("10.1"), InlineData("host"), InlineData("")]
    public void An_address_in_short_is_none(string text) => Refuse<IPAddress>(text);

    [Theory]
    [InlineData("10.0.0.1:80", "10.0.0.1", 80), InlineData("[fd00::1]:65535", "fd00::1", 65535)]
    public void An_address_with_a_port(string text, string address, int port) => Assert.Equal(new IPEndPoint(IPAddress.Parse(address), port), Read<IPEndPoint>(text));

    [Theory]
    [InlineData("10.0.0.1"), InlineData(":80"), InlineData("10.0.0.1:0"), InlineData("10.0.0.1:65536"), InlineData("10.0.0.1:x"), InlineData("fd00::1:80"), InlineData("[10.0.0.1]:80"), InlineData("host:80")]
    public void An_address_with_a_port_that_is_none(string text) => Refuse<IPEndPoint>(text);

    [Fact]
    public void A_member() => Assert.Equal(new MemberAddress("a", IPAddress.Parse("10.77.0.1")), Read<MemberAddress>("a=10.77.0.1"));

    [Theory]
    [InlineData("10.77.0.1"), InlineData("=10.77.0.1"), InlineData("a="), InlineData("a=b")]
    public void A_member_that_is_none(string text) => Refuse<MemberAddress>(text);

    [Theory]
    [InlineData("0", 0), InlineData("2147483647", int.MaxValue)]
    public void A_whole_number(string text, int expected) => Assert.Equal(expected, Read<int>(text));

    [Theory]
    [InlineData("-1"), InlineData("2147483648"), InlineData("1.5"), InlineData("")]
    public void A_whole_number_that_is_none(string text) => Refuse<int>(text);

    [Fact]
    public void A_list_and_the_first_of_its_items_that_is_wrong()
    {
        Assert.Equal([1, 2, 3], Read<IReadOnlyList<int>>("1, 2\t3"));
        Assert.Empty(Read<IReadOnlyList<int>>(""));
        Assert.Contains("'x'", SettingReader.TryRead(typeof(IReadOnlyList<int>), "1 x y", out _)!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_word_of_an_enumeration_and_a_suggestion_for_one_that_is_misspelt()
    {
        Assert.Equal(MemberRole.Witness, Read<MemberRole>("Witness"));
        Assert.Contains("witness", SettingReader.TryRead(typeof(MemberRole), "witnes", out _)!, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_reads_as_the_same()
    {
        Assert.Equal("", SettingReader.Format(null));
        Assert.Equal("no", SettingReader.Format(false));
        Assert.Equal("witness", SettingReader.Format(MemberRole.Witness));
        Assert.Equal("1 2", SettingReader.Format(new List<int> { 1, 2 }));
        Assert.Equal("10.0.0.1:80", SettingReader.Format(Read<IPEndPoint>("10.0.0.1:80")));
        Assert.Equal(TimeSpan.FromMilliseconds(1500), Read<TimeSpan>(SettingReader.Format(TimeSpan.FromMilliseconds(1500))));
        Assert.Equal(TimeSpan.Zero, Read<TimeSpan>(SettingReader.Format(TimeSpan.Zero)));
        foreach (long bytes in new[] { 0, 1, 1024, 1025, 64 << 20, 3L << 30 }) Assert.Equal(new ByteSize(bytes), Read<ByteSize>(SettingReader.Format(new ByteSize(bytes))));
        Assert.Equal("majority", SettingReader.Format(AcknowledgementRule.Majority));
        Assert.Equal(new AcknowledgementRule(2), Read<AcknowledgementRule>(SettingReader.Format(new AcknowledgementRule(2))));
    }

    [Fact]
    public void A_type_that_no_setting_has_is_a_mistake_of_ours() => Assert.Throws<NotSupportedException>(() => SettingReader.TryRead(typeof(Uri), "x", out _));

    private static T Read<T>(string text)
    {
        Assert.Null(SettingReader.TryRead(typeof(T), text, out object? value));
        return Assert.IsAssignableFrom<T>(value);
    }

    private static void Refuse<T>(string text) => Assert.NotNull(SettingReader.TryRead(typeof(T), text, out _));
}
