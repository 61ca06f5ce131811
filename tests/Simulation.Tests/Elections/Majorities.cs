namespace Appliance.Tests.Simulation.Elections;

/// <summary>Finds recovered majorities that can talk.</summary>
internal static class Majorities
{
    /// <summary>Some set of running nodes, each of which reaches each other, is a majority of one view, is recovered, and has a member of the synchronised set in it.</summary>
    internal static bool CanTalk(ElectionWorld world, int service)
    {
        int candidates = 0;
        foreach (ElectionNode node in world.Nodes)
            if (node.Runs && node.Life!.IsRecovered(service) && node.Life.Engine.View.SlotOf(node.Id) >= 0) candidates |= 1 << node.Index;
        for (int set = candidates; set > 0; set = (set - 1) & candidates)
            if (IsMajority(world, service, set)) return true;
        return false;
    }

    private static bool IsMajority(ElectionWorld world, int service, int set)
    {
        ElectionNode first = world.Nodes[int.TrailingZeroCount(set)];
        if (int.PopCount(set) < first.Life!.Engine.View.Majority) return false;
        ushort eligible = ushort.MaxValue;
        ushort slots = 0;
        foreach (ElectionNode node in world.Nodes)
        {
            if ((set >> node.Index & 1) == 0) continue;
            Cluster.Elections.GroupView view = node.Life!.Engine.View;
            if (view.ContentHash != first.Life.Engine.View.ContentHash || (view.Term, view.Number) != (first.Life.Engine.View.Term, first.Life.Engine.View.Number)) return false;
            int slot = view.SlotOf(node.Id);
            if ((view.Data >> slot & 1) != 0) slots |= (ushort)(1 << slot);
            eligible &= service == world.Plan.Services ? view.Data : node.Life.Engine.SetOf(service).Members;
            foreach (ElectionNode other in world.Nodes)
                if ((set >> other.Index & 1) != 0 && !world.Reaches(node.Index, other.Index)) return false;
        }
        return (eligible & slots) != 0;
    }
}
