using Appliance.Multicast;

namespace Appliance.State;

/// <content>What this node is for the service, and how that changes.</content>
internal sealed partial class MirroredService
{
    private (RecordVersion Last, ulong NextTerm)? _grant;
    private IReadOnlyCollection<string> _holders = [];

    /// <summary>Begins as the configuration says: the configured primary takes over, everyone else synchronises.</summary>
    /// <exception cref="IOException">The term cannot be stored.</exception>
    internal void Start()
    {
        if (_configuredPrimary != _node)
        {
            Resync.Start(_mirror.Group.Now);
            return;
        }
        bool ranBefore = SeenTerm != 0;
        ulong term = SeenTerm + 1; // counted before anything is done in it: a term is never used twice
        StoreTerm(term);
        StartTakeover(new TakeoverRequest(term, _options.DataMembers) { IsConfigured = true, RanBefore = ranBefore });
    }

    /// <summary>Is to become the primary: refuses lower terms, and collects with the end of the round.</summary>
    internal void StartTakeover(TakeoverRequest request)
    {
        StandDown(_node);
        Resync.Stop();
        Promise(request.Term);
        Role = ServiceRole.Recovering;
        _holders = request.Holders;
        _primaryMember = null;
        Takeover.Start(request);
        Store.OnRoleChanged();
    }

    /// <summary>Stores the term of a takeover that has to be raised.</summary>
    /// <exception cref="IOException">It cannot be stored.</exception>
    internal void StoreTerm(ulong term)
    {
        _terms.WriteTerm(Name, term);
        Promise(term);
    }

    /// <summary>Takes over the newest terms that anyone knows; runs beyond a hole no longer count by themselves.</summary>
    internal void PrepareTakeover(TermChain newest)
    {
        AdoptChain(newest);
        _batchPosition = _liveFrom = _liveThrough = default;
    }

    /// <summary>Is the primary: the first record of the new term says where the earlier ones end.</summary>
    /// <param name="chain">The new term's.</param>
    internal void BeginTerm(TermChain chain)
    {
        Promise(chain.CurrentTerm);
        UseChain(chain);
        _writer = _mirror.Self;
        _grant = null;
        _batchPosition = _liveFrom = _liveThrough = default;
        Discarding = null;
        NeedsDiscard = CannotStore = false;
        Publisher.StartAt(new RecordVersion(chain.CurrentTerm, 0));
        RecordVersion first = Publisher.Stamp();
        Span<byte> cut = stackalloc byte[CutMessage.MaxBytes];
        Publisher.PublishControl(cut[..CutMessage.Write(cut, Id, chain)]);
        _mirror.Group.Flush();
        Position = Highest = first;
        _counters.Cuts++;
        Role = ServiceRole.Primary;
        PrimaryName = _node;
        MarkComplete();
        Share();
        if (_configuredPrimary is null) Synchronised.Begin(_holders);
        Store.OnRoleChanged();
    }

    /// <summary>Is a secondary from now on, whatever it was.</summary>
    /// <param name="newPrimary">Who is primary instead; null when not known.</param>
    internal void StandDown(string? newPrimary)
    {
        SetPrimary(newPrimary);
        if (Role == ServiceRole.Secondary) return;
        bool wrote = Role == ServiceRole.Primary;
        Takeover.Cancel();
        Role = ServiceRole.Secondary;
        if (wrote)
        {
            Position = Highest = Publisher.Last;
            Publisher.Abandon();
            Synchronised.End();
        }
        HandOver.Cancel();
        Share();
        Store.OnRoleChanged();
        if (!wrote) Resync.Start(_mirror.Group.Now);
    }

    /// <summary>Records of lower terms are refused from now on: another node begins this one. What was refused is obtained after its cut.</summary>
    /// <param name="term">The term; 0 promises nothing.</param>
    internal void Promise(ulong term)
    {
        if (term <= PromisedTerm) return;
        PromisedTerm = term;
        SeenTerm = Math.Max(SeenTerm, term); // without its cut this node is not in step
        _terms.WriteTermSoon(Name, term);
        AcceptTerm();
    }

    /// <summary>A member asks where this node stands, and promises of it what a survey with a term promises.</summary>
    internal void OnSurvey(ulong term, GroupMember asker)
    {
        if (term <= PromisedTerm) return;
        Promise(term);
        if (Role != ServiceRole.Secondary) GiveWay(term, asker);
    }

    /// <summary>Who is primary, as the elections know.</summary>
    internal void Follow(ulong term, string? primary)
    {
        if (Role != ServiceRole.Secondary) return;
        SetPrimary(primary);
        if (term <= Chain.CurrentTerm) return;
        SeenTerm = Math.Max(SeenTerm, term);
        Resync.VerifyAt(_mirror.Group.Now + _options.SurveyTimeout);
    }

    /// <summary>The primary hands the service over to this node.</summary>
    internal void OnOffered(GroupMember from, RecordVersion last, ulong nextTerm)
    {
        if (from.Node != _writer || last.Term != Chain.CurrentTerm) return;
        _grant = (last, nextTerm);
        _mirror.Roles?.OnOffered(Name, from.Name, nextTerm);
    }

    /// <summary>Where the term before ended, if its primary handed over to this node, which has everything of it; null otherwise.</summary>
    internal RecordVersion? TakeGrant(ulong term) =>
        _grant is { } grant && term >= grant.NextTerm && grant.Last == Position && grant.Last.Term == Chain.CurrentTerm && IsComplete && Debt.IsEmpty ? grant.Last : null;

    /// <summary>A gap in this member's stream is a gap in the service's writes.</summary>
    internal bool IsWrittenBy(GroupMember member) => Role == ServiceRole.Secondary && (member.Name == PrimaryName || member.Node == _writer);

    private void GiveWay(ulong term, GroupMember other)
    {
        if (_configuredPrimary is null)
            _mirror.Log(MirrorEvent.Progress, $"service {Name}: {other.Name} begins term {term}: this node is a secondary");
        else
            _mirror.Log(MirrorEvent.Lost, $"service {Name}: {other.Name} begins term {term}: this node is no longer the primary; two nodes are configured as primary");
        StandDown(other.Name);
        _mirror.Roles?.OnStoodDown(Name, term);
    }

    /// <summary>Who is primary, as far as is known; null for nobody.</summary>
    internal void SetPrimary(string? name)
    {
        PrimaryName = name;
        _primaryMember = _mirror.Members.FirstOrDefault(member => member.Name == name);
    }
}
