using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>
/// The group's views: adopted from whoever has a newer one, proposed by the primary of the group's own service, committed by a majority of the voters before and after
/// (ARCHITECTURE 6, the group's own service; docs/decisions/0006).
/// </summary>
/// <remarks>
/// One voter comes or goes at a time, and one dead-after lies between a commit and the next proposal: any two majorities that can act at one time then have a voter in common.
/// </remarks>
internal sealed class ViewKeeper
{
    private static readonly TimeSpan ShowFor = TimeSpan.FromSeconds(1);
    private readonly ElectionContext _context;
    private GroupView _before;
    private GroupView? _wanted;
    private GroupView? _unstored;
    private uint _ownTerm;
    private Timestamp _committedAt;
    private Timestamp _showUntil;

    internal ViewKeeper(ElectionContext context)
    {
        _context = context;
        _before = context.View;
    }

    /// <summary>The view is committed, as far as this node knows.</summary>
    internal bool IsCommitted { get; private set; }

    /// <summary>A newer view, which is used, and told to others, once it is stored; null: there is none.</summary>
    internal GroupView? Unstored => _unstored;

    /// <summary>Somebody lacks the view: it goes out with the beats.</summary>
    internal bool Shows => _context.Now < _showUntil;

    /// <summary>The view of the first epoch.</summary>
    internal static GroupView Bootstrap(ElectionOptions options)
    {
        ViewSlot[] slots = [.. options.Members.Select(static member => new ViewSlot(NodeId.FromName(member.Name), member.Role == MemberRole.Witness ? SlotRole.Witness : SlotRole.Data))];
        return new GroupView(0, 1, 0, slots);
    }

    /// <summary>A member's beat names its view.</summary>
    internal void OnBeat(ElectionPeer peer, in BeatExtension extension)
    {
        GroupView view = _context.View;
        bool sameContent = extension.ViewHash == view.ContentHash;
        if (view.IsOlderThan(extension.ViewTerm, extension.ViewNumber))
        {
            if (sameContent) Adopt(view.WithVersion(extension.ViewTerm, extension.ViewNumber));
            else if (extension.CarriesView && extension.ReadView() is { } newer && newer.ContentHash == extension.ViewHash) Adopt(newer);
        }
        else if (view.IsNewerThan(extension.ViewTerm, extension.ViewNumber))
        {
            if (!sameContent) _showUntil = _context.Now + ShowFor;
        }
        else if (!sameContent && peer.Complained != extension.ViewHash)
        {
            peer.Complained = extension.ViewHash;
            _context.Sink.Log(ElectionEvent.Warning, $"{_context.NameOf(peer.Node)} names other members than this node: it is refused; make [group] members and witnesses alike");
        }
    }

    /// <summary>Acts as, or no longer as, primary of the group's own service.</summary>
    internal void Tick(ServiceElection group)
    {
        if (group.State.Role != ElectionRole.Primary)
        {
            _ownTerm = 0;
            _wanted = null;
            return;
        }
        if (_unstored is not null) return;
        if (_ownTerm != group.State.Term)
        {
            _ownTerm = group.State.Term;
            Propose(_context.View);                        // under the own term: what an earlier primary proposed is taken up, or void
            return;
        }
        if (!IsCommitted)
        {
            if (!IsStoredBy(_before) || !IsStoredBy(_context.View)) return;
            IsCommitted = true;
            _before = _context.View;
            _committedAt = _context.Now;
            _context.Sink.OnView(_context.View, isCommitted: true);
        }
        if (_wanted is null || _context.Now < _committedAt + _context.Options.DeadAfter * 1.02) return;
        GroupView wanted = _wanted;
        _wanted = null;
        Propose(wanted);
    }

    /// <summary>The next change, once the one before is committed for long enough.</summary>
    /// <returns>Null, or why not.</returns>
    internal string? Want(Func<GroupView, GroupView?> change, ServiceElection group)
    {
        if (group.State.Role != ElectionRole.Primary) return "this node is not the primary of the group's own service";
        if (_wanted is not null || _unstored is not null || !IsCommitted) return "another change is under way: one voter comes or goes at a time";
        _wanted = change(_context.View);
        return _wanted is null ? $"the group has {ElectionOptions.MaxMembers} members already" : null;
    }

    private void Propose(GroupView content)
    {
        _before = _context.View;
        IsCommitted = false;
        Adopt(content.WithVersion(_ownTerm, _before.Number + 1));
    }

    private void Adopt(GroupView view)
    {
        if (_unstored is null || _unstored.IsOlderThan(view.Term, view.Number)) _unstored = view;
    }

    /// <summary>A view is stored, or could not be: then it is void.</summary>
    internal void OnStored(GroupView view, bool isStored)
    {
        if (ReferenceEquals(_unstored, view)) _unstored = null; // or a newer one has come since
        if (!isStored) return;
        GroupView before = _context.View;
        IsCommitted = false;
        _context.Use(view);
        if (before.ContentHash != view.ContentHash) Changed?.Invoke(before, view);
        _context.Sink.OnView(view, isCommitted: false);
    }

    /// <summary>Told when slots mean other nodes.</summary>
    internal Action<GroupView, GroupView>? Changed { get; set; }

    private bool IsStoredBy(GroupView voters)
    {
        int stored = 0;
        foreach (ViewSlot slot in voters.Slots)
        {
            if (slot.Role == SlotRole.Vacant) continue;
            if (slot.Node == _context.Self || _context.Peers.Exists(peer => peer.Node == slot.Node && peer.ViewTerm == _context.View.Term && peer.ViewNumber == _context.View.Number)) stored++;
        }
        return stored >= (_context.Options.Quorum ? voters.Majority : 1);
    }
}
