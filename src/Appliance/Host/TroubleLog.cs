using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>Logs what keeps nodes apart when it begins, and that it is over. Loop thread.</summary>
internal sealed class TroubleLog : IRoundHandler
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly MulticastGroup _group;
    private readonly ILogger _log;
    private IReadOnlyList<GroupTrouble> _known = [];
    private Timestamp _due;

    internal TroubleLog(MulticastGroup group, ILogger log)
    {
        _group = group;
        _log = log;
    }

    /// <inheritdoc/>
    public Timestamp NextDeadline => _due;

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (now < _due) return;
        _due = now + Interval;
        IReadOnlyList<GroupTrouble> troubles = _group.ReadTroubles();
        if (troubles.Count == 0 && _known.Count == 0) return;
        foreach (GroupTrouble trouble in troubles.Where(trouble => _known.All(known => known.Kind != trouble.Kind))) NodeLog.Warning(_log, trouble.Sentence);
        foreach (GroupTrouble over in _known.Where(known => troubles.All(trouble => trouble.Kind != known.Kind))) NodeLog.Note(_log, $"over: {over.Sentence}");
        _known = troubles;
    }
}
