using System.Net;
using System.Text.Json;
using Appliance.Configuration;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>What <c>appliance get KEY --json</c> shows.</summary>
public sealed class RecordDecoderTests
{
    private static JsonElement Decode(StoreFixture fixture, string key) =>
        JsonDocument.Parse(RecordDecoder.ToJson(fixture.Store, StoreFixture.Bytes(key)) ?? throw new InvalidOperationException("absent")).RootElement;

    [Fact]
    public void Plain_values_are_text_where_they_are_text()
    {
        using var fixture = new StoreFixture();
        fixture.Set("k", "väl\"ue", fixture.Now + 1000);
        JsonElement json = Decode(fixture, "k");
        Assert.Equal(("k", "string", "application", "väl\"ue"), (Text(json, "key"), Text(json, "kind"), Text(json, "class"), Text(json, "value")));
        Assert.Equal("2023-11-14T22:13:21.000Z", Text(json, "expires"));
        fixture.Store.Set("b"u8, [0xff, 0], 0);
        Assert.Equal("/wA=", Text(Decode(fixture, "b"), "valueBase64"));
        Assert.Null(RecordDecoder.ToJson(fixture.Store, "absent"u8));
    }

    [Fact, Trait("Demand", "A9")]
    public void Documented_fields_make_a_purchase()
    {
        using var fixture = new StoreFixture(null, ClassOptions.DefaultsOf(RecordClass.Purchase));
        fixture.SetField("cart:7", "item:book-1", "2 19.90 EUR");
        fixture.SetField("cart:7", "item:pen", "10");
        fixture.SetField("cart:7", "transaction:id", "T-1");
        fixture.SetField("cart:7", "billing:city", "Bern");
        fixture.SetField("cart:7", "note", "gift");
        JsonElement json = Decode(fixture, "cart:7");
        Assert.Equal(("purchase", "purchase"), (Text(json, "kind"), Text(json, "class")));
        JsonElement item = json.GetProperty("items")[0];
        Assert.Equal(("book-1", 2, 19.90m, "EUR"), (Text(item, "sku"), item.GetProperty("quantity").GetInt32(), item.GetProperty("unitPrice").GetDecimal(), Text(item, "currency")));
        Assert.Equal("T-1", Text(json.GetProperty("transaction"), "id"));
        Assert.Equal("Bern", Text(json.GetProperty("billing"), "city"));
        Assert.Equal("gift", Text(json.GetProperty("other"), "note"));
    }

    [Fact]
    public void Other_hashes_show_their_fields()
    {
        using var fixture = new StoreFixture();
        fixture.SetField("h", "a", "1");
        JsonElement json = Decode(fixture, "h");
        Assert.Equal("hash", Text(json, "kind"));
        Assert.Equal("1", Text(json.GetProperty("fields"), "a"));
    }

    [Fact, Trait("Demand", "A5"), Trait("Demand", "A6")]
    public void A_tls_session_is_shown_without_its_secret()
    {
        using var fixture = new StoreFixture();
        byte[] value = new byte[256];
        byte[] secret = [.. Enumerable.Range(0, 120).Select(static i => (byte)i)];
        value = value[..TlsSessionView.Write(value, [0xab, 0xcd], secret, "client.example"u8, 1_700_000_000_000)];
        fixture.Store.Set("tls:abcd"u8, value, 0, RecordKind.TlsSession);
        JsonElement json = Decode(fixture, "tls:abcd");
        Assert.Equal(("tls-session", "abcd", "client.example", 120), (Text(json, "kind"), Text(json, "sessionId"), Text(json, "identity"), json.GetProperty("sessionBytes").GetInt32()));
        Assert.DoesNotContain(Convert.ToBase64String(secret)[..20], json.GetRawText());
    }

    [Fact, Trait("Demand", "A7")]
    public void An_authentication_names_user_method_and_times()
    {
        using var fixture = new StoreFixture();
        byte[] value = new byte[64];
        value = value[..AuthenticationView.Write(value, "alice"u8, AuthenticationMethod.Certificate, 1_700_000_000_000, 0)];
        fixture.Store.Set("auth:alice"u8, value, 0, RecordKind.Authentication);
        JsonElement json = Decode(fixture, "auth:alice");
        Assert.Equal(("authentication", "alice", "certificate"), (Text(json, "kind"), Text(json, "user"), Text(json, "method")));
        Assert.Equal(JsonValueKind.Null, json.GetProperty("authenticationExpires").ValueKind);
    }

    [Fact, Trait("Demand", "A8")]
    public void A_segment_shows_both_directions()
    {
        using var fixture = new StoreFixture();
        byte[] value = new byte[SegmentView.Bytes];
        var up = new SegmentDirection { Sequence = 0xFFFF_FFF0, Acknowledgement = 7, Window = 502, Scale = 7, MaximumSegment = 1460, SackPermitted = true, Timestamps = true, TimestampValue = 11, TimestampEcho = 12 };
        var down = new SegmentDirection { Sequence = 8, Acknowledgement = 9, Finished = true };
        SegmentView.Write(value, new IPEndPoint(IPAddress.Parse("2001:db8::1"), 50000), new IPEndPoint(IPAddress.Parse("2001:db8::2"), 443), up, down);
        Assert.True(SegmentView.TryParse(value, out SegmentView view));
        Assert.Equal((up, down), (view.ClientToServer, view.ServerToClient));
        fixture.Store.Set("segment:1"u8, value, 0, RecordKind.Segment);
        JsonElement json = Decode(fixture, "segment:1");
        Assert.Equal(("segment", "[2001:db8::1]:50000", "[2001:db8::2]:443"), (Text(json, "kind"), Text(json, "client"), Text(json, "server")));
        Assert.Equal(0xFFFF_FFF0, json.GetProperty("clientToServer").GetProperty("sequence").GetUInt32());
        Assert.True(json.GetProperty("serverToClient").GetProperty("finished").GetBoolean());
    }

    [Fact]
    public void What_cannot_be_decoded_is_shown_as_bytes()
    {
        using var fixture = new StoreFixture();
        fixture.Store.Set("tls:x"u8, [1, 2, 3], 0, RecordKind.TlsSession);
        fixture.Store.Set("future"u8, [1, 2, 3], 0, (RecordKind)77);
        Assert.Equal("unknown", Text(Decode(fixture, "tls:x"), "kind"));
        Assert.Equal((77, "AQID"), (Decode(fixture, "future").GetProperty("kindNumber").GetInt32(), Text(Decode(fixture, "future"), "valueBase64")));
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("3 0.05", true)]
    [InlineData("3 0.05 CHF", true)]
    [InlineData("0", false)]
    [InlineData("-1", false)]
    [InlineData("1 x", false)]
    [InlineData("1 2 eur", false)]
    [InlineData("1 2 EUR more", false)]
    [InlineData("", false)]
    public void Items_are_read(string value, bool expected) => Assert.Equal(expected, Purchase.TryParseItem("sku", value, out _));

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString() ?? "";
}
