using Appliance.Configuration;
using Appliance.Listeners.Tls;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Appliance.Tests.Appliance.State.Mirror;

namespace Appliance.Tests.Tls;

[Trait("Demand", "A6")]
public sealed class Keeping_ticket_keys : IDisposable
{
    private readonly StoreFixture _service = new(null, ClassOptions.DefaultsOf(RecordClass.Credential));
    private readonly EventLoop _loop = new();
    private readonly TicketKeyKeeper _keeper;
    private readonly List<uint> _used = [];
    private Timestamp _now = new(1);

    public Keeping_ticket_keys()
    {
        _keeper = new TicketKeyKeeper(_loop, _service.Store) { Rotation = TimeSpan.FromHours(1), TicketLifetime = TimeSpan.FromHours(2) };
        _keeper.Users.Add(keys =>
        {
            _used.Add(keys.Epoch);
            keys.Dispose();
        });
    }

    [Fact]
    public void The_primary_makes_the_first_key_and_gives_it_to_its_listeners()
    {
        Pass(TimeSpan.Zero);

        Assert.Equal([1u], Epochs());
        Assert.Equal([1u], _used);
        Assert.Equal(1u, _keeper.Epoch);
    }

    [Fact]
    public void A_new_key_opens_at_once_and_seals_a_second_later()
    {
        Pass(TimeSpan.Zero);

        Assert.Null(_keeper.Rotate());
        Assert.Equal([1u, 2u], Epochs());
        Pass(TimeSpan.FromMilliseconds(500));
        Assert.Equal(1u, _keeper.Epoch);
        Pass(TimeSpan.FromMilliseconds(600));

        Assert.Equal(2u, _keeper.Epoch);
        Assert.Equal([1u, 1u, 2u], _used);
    }

    [Fact]
    public void Keys_change_on_schedule_and_open_until_no_ticket_under_them_can_live()
    {
        for (int minutes = 0; minutes <= 60 * 8; minutes++)
        {
            Pass(TimeSpan.FromMinutes(1));
            // Whatever sealed within the last two hours must still open: at one key an hour, that of now and two or three before.
            Assert.InRange(Epochs().Length, Math.Min(1 + minutes / 61, 3), 4);
        }

        Pass(TimeSpan.FromSeconds(2)); // the newest may have been made just now
        Assert.InRange(_keeper.Epoch, 8u, 9u);
        Assert.Equal(_keeper.Epoch, Epochs()[^1]);
    }

    [Fact]
    public void Rotating_without_end_keeps_as_many_as_a_record_holds()
    {
        Pass(TimeSpan.Zero);

        for (int i = 0; i < 40; i++) Assert.Null(_keeper.Rotate());

        Assert.Equal(TicketKeysView.MaxKeys, Epochs().Length);
        Assert.Equal(41u, Epochs()[^1]);
    }

    [Fact]
    public void Keys_that_were_deleted_or_evicted_are_written_again()
    {
        Pass(TimeSpan.Zero);
        _keeper.Rotate();
        byte[] before = Value();

        Assert.True(_service.Store.Delete("tls:ticket-keys"u8));
        Pass(TimeSpan.FromMilliseconds(20));

        Assert.Equal(before, Value());
    }

    [Fact]
    public void Clients_neither_count_nor_list_the_record()
    {
        _service.Set("k", "v");
        Pass(TimeSpan.Zero);
        Assert.NotEmpty(Epochs());
        Assert.Equal(1, _service.Store.KeyCount);
        Assert.Equal(["k"], _service.Keys());
    }

    [Fact]
    public void What_is_no_such_record_is_replaced()
    {
        _service.Set("tls:ticket-keys", "written by a client");
        Pass(TimeSpan.Zero);
        Assert.Equal([1u], Epochs());
    }

    public void Dispose()
    {
        _keeper.Dispose();
        _loop.Dispose();
        _service.Dispose();
    }

    private void Pass(TimeSpan time)
    {
        _service.Now += (long)time.TotalMilliseconds;
        _now += time + TimeSpan.FromMilliseconds(30);
        _keeper.OnRoundEnd(_now);
    }

    private byte[] Value()
    {
        Assert.True(_service.Store.TryRead("tls:ticket-keys"u8, out StoredValue value));
        Assert.Equal((RecordKind.TicketKeys, RecordClass.Credential), (value.Kind, value.Class));
        return value.Bytes.ToArray();
    }

    private uint[] Epochs()
    {
        Assert.True(TicketKeysView.TryParse(Value(), out TicketKeysView view));
        var epochs = new uint[view.Count];
        for (int i = 0; i < epochs.Length; i++) epochs[i] = view.Epoch(i);
        return epochs;
    }
}
