using System.Globalization;
using System.Net;

namespace Appliance.Configuration;

/// <summary>A server of a pool as the configuration names it: <c>10.0.1.1:80</c>, or <c>10.0.1.1:80*3</c> for one that gets three connections where others get one.</summary>
/// <param name="EndPoint">Where it listens.</param>
/// <param name="Weight">Its share, from 1 to <see cref="MaxWeight"/>.</param>
public readonly record struct BackendServer(IPEndPoint EndPoint, int Weight)
{
    /// <summary>Largest weight.</summary>
    public const int MaxWeight = 256;

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string text, out BackendServer server)
    {
        ArgumentNullException.ThrowIfNull(text);
        server = default;
        int star = text.IndexOf('*', StringComparison.Ordinal), weight = 1;
        if (star >= 0 && (!int.TryParse(text.AsSpan(star + 1), NumberStyles.None, CultureInfo.InvariantCulture, out weight) || weight is < 1 or > MaxWeight)) return false;
        if (!SettingReader.TryReadEndPoint(star < 0 ? text : text[..star], out IPEndPoint endPoint)) return false;
        server = new BackendServer(endPoint, weight);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Weight == 1 ? $"{EndPoint}" : string.Create(CultureInfo.InvariantCulture, $"{EndPoint}*{Weight}");
}
