using Appliance.Configuration;
using Appliance.Listeners.Tls;
using Appliance.Multicast.Transport;
using Appliance.State;
using Appliance.Tests.Appliance.State.Mirror;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Tls;

/// <summary>Two TLS listeners over the table of one service, and the loop that writes it.</summary>
internal sealed class TlsPair : IDisposable
{
    private readonly StoreFixture _service = new(null, ClassOptions.DefaultsOf(RecordClass.Credential));
    private readonly EventLoop _loop = new();
    private readonly List<TlsSessions> _sessions = [];
    private readonly List<LoginDesk> _desks = [];
    private readonly ServiceClock _clock;
    private readonly TicketKeyKeeper _keeper;

    internal TlsPair(Resumption resumption, Func<TlsSettings, TlsSettings>? settings = null)
    {
        _service.Now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        _clock = new ServiceClock(_loop, _service.Store);
        _keeper = new TicketKeyKeeper(_loop, _service.Store);
        First = Open(resumption, settings);
        Second = Open(resumption, settings);
        _loop.Start("state");
        First.Relay.Await(() => First.Tls.Keys.Epoch == 1, "the first has the keys");
        Second.Relay.Await(() => Second.Tls.Keys.Epoch == 1, "the second has the keys");
    }

    internal TemporaryDirectory Directory { get; } = new();

    internal TlsFixture First { get; }

    internal TlsFixture Second { get; }

    /// <summary>Waits until all that the listeners have queued for the table is in it: their loops have ended their round, and its loop has turned twice since.</summary>
    internal void Settle()
    {
        foreach (TlsFixture listener in new[] { First, Second }) listener.Relay.OnLoop(static () => true);
        for (int i = 0; i < 2; i++) OnStateLoop(static () => { });
    }

    /// <summary>Deletes what the table holds under a prefix.</summary>
    internal void Delete(string prefix) => OnStateLoop(() =>
    {
        foreach (string key in _service.Keys().Where(key => key.StartsWith(prefix, StringComparison.Ordinal))) Assert.True(_service.Store.Delete(StoreFixture.Bytes(key)));
    });

    /// <summary>What the table holds under a prefix, with the values.</summary>
    internal string[] Values(string prefix)
    {
        string[] values = [];
        OnStateLoop(() => values = [.. _service.Keys().Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => _service.Get(key)!)]);
        return values;
    }

    /// <summary>Moves the service's clock on; this machine's stays.</summary>
    internal void Advance(TimeSpan time)
    {
        OnStateLoop(() => _service.Now += (long)time.TotalMilliseconds);
        long then = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + (long)time.TotalMilliseconds / 2;
        First.Relay.Await(() => _clock.NowMilliseconds > then, "the listeners know of it");
    }

    /// <summary>Deletes every session.</summary>
    internal void ForgetSessions() => OnStateLoop(() =>
    {
        foreach (string key in _service.Keys()) Assert.True(_service.Store.Delete(StoreFixture.Bytes(key)));
    });

    /// <summary>Writes what refuses an identity.</summary>
    internal void Revoke(string identity) => OnStateLoop(() => _service.Set($"auth:revoked:{identity}", "1"));

    /// <summary>What the table says of the client of its only session.</summary>
    internal string IdentityOfTheOnlySession()
    {
        string identity = "";
        OnStateLoop(() =>
        {
            string key = _service.Keys().Single();
            Assert.True(_service.Store.TryRead(StoreFixture.Bytes(key), out StoredValue value));
            Assert.True(TlsSessionView.TryParse(value.Bytes, out TlsSessionView view));
            identity = System.Text.Encoding.UTF8.GetString(view.Identity);
        });
        return identity;
    }

    public void Dispose()
    {
        First.Dispose();
        Second.Dispose();
        _loop.Dispose();
        foreach (LoginDesk desk in _desks) desk.Dispose();
        foreach (TlsSessions sessions in _sessions) sessions.Dispose();
        _keeper.Dispose();
        _service.Dispose();
        Directory.Dispose();
    }

    private TlsFixture Open(Resumption resumption, Func<TlsSettings, TlsSettings>? change)
    {
        var sessions = new TlsSessions(_loop, _service.Store, _service.Store.Tables.Keys);
        _sessions.Add(sessions);
        var fixture = new TlsFixture((_, settings) => (change?.Invoke(settings) ?? settings) with { Resumption = resumption }, sessions: sessions, revocations: new TlsRevocations(_service.Store.Tables.Keys), clock: _clock, logins: loop =>
        {
            var desk = new LoginDesk(_loop, loop, _service.Store, _service.Store.Tables.Keys, _clock);
            _desks.Add(desk);
            return desk;
        });
        _keeper.Users.Add(keys => fixture.Relay.Post(() => fixture.Tls.Use(keys)));
        return fixture;
    }

    private void OnStateLoop(Action action) => _loop.Do(action);
}
