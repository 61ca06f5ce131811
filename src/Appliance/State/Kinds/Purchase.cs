using System.Globalization;
using System.Text;

namespace Appliance.State;

/// <summary>
/// Purchase information (A9) as any application makes it with HSET: a hash whose field names say what they are. <c>item:SKU</c> holds <c>quantity</c>, optionally followed by a unit price and a
/// currency, separated by spaces (<c>2 19.90 EUR</c>); <c>transaction:*</c> the financial transaction; <c>billing:*</c> the billing address. Other fields are the application's own.
/// </summary>
internal sealed class Purchase
{
    /// <summary>Prefixes of the field names.</summary>
    internal const string ItemPrefix = "item:", TransactionPrefix = "transaction:", BillingPrefix = "billing:";

    /// <summary>One item chosen.</summary>
    /// <param name="Sku">What.</param>
    /// <param name="Quantity">How many; 1 or more.</param>
    /// <param name="UnitPrice">Price of one; null when not given.</param>
    /// <param name="Currency">Its currency (ISO 4217); null when not given.</param>
    internal sealed record Item(string Sku, long Quantity, decimal? UnitPrice, string? Currency);

    /// <summary>Items, in the order in which they were put in.</summary>
    internal List<Item> Items { get; } = [];

    /// <summary>The transaction, by the part of the name after <c>transaction:</c> (id, state, amount, currency, method...).</summary>
    internal List<KeyValuePair<string, string>> Transaction { get; } = [];

    /// <summary>The address, by the part of the name after <c>billing:</c> (name, street, postcode, city, country...).</summary>
    internal List<KeyValuePair<string, string>> Billing { get; } = [];

    /// <summary>Fields that have none of these names, and items whose value cannot be read.</summary>
    internal List<KeyValuePair<string, string>> Other { get; } = [];

    /// <summary>At least one field has one of the names.</summary>
    internal bool IsRecognised => Items.Count + Transaction.Count + Billing.Count > 0;

    /// <summary>Adds a field of the hash.</summary>
    internal void Add(ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
    {
        string name = Encoding.UTF8.GetString(field), text = Encoding.UTF8.GetString(value);
        if (name.StartsWith(ItemPrefix, StringComparison.Ordinal) && TryParseItem(name[ItemPrefix.Length..], text, out Item? item)) Items.Add(item!);
        else if (name.StartsWith(TransactionPrefix, StringComparison.Ordinal)) Transaction.Add(new(name[TransactionPrefix.Length..], text));
        else if (name.StartsWith(BillingPrefix, StringComparison.Ordinal)) Billing.Add(new(name[BillingPrefix.Length..], text));
        else Other.Add(new(name, text));
    }

    /// <summary>Reads the value of an item's field.</summary>
    internal static bool TryParseItem(string sku, string value, out Item? item)
    {
        item = null;
        string[] parts = value.Split(' ', 4);
        if (sku.Length == 0 || parts.Length > 3) return false;
        if (!long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long quantity) || quantity < 1) return false;
        decimal price = 0;
        if (parts.Length > 1 && !decimal.TryParse(parts[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out price)) return false;
        if (parts.Length > 2 && (parts[2].Length != 3 || !parts[2].All(char.IsAsciiLetterUpper))) return false;
        item = new Item(sku, quantity, parts.Length > 1 ? price : null, parts.Length > 2 ? parts[2] : null);
        return true;
    }
}
