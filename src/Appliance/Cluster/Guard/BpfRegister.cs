namespace Appliance.Cluster.Guard;

/// <summary>Registers of eBPF: R0 result, R1-R5 arguments (lost in calls), R6-R9 kept over calls, R10 the top of the stack.</summary>
internal enum BpfRegister : byte
{
    R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Frame,
}

/// <summary>Widths of a memory access (uapi/linux/bpf_common.h, BPF_SIZE).</summary>
internal enum BpfWidth : byte
{
    Word = 0x00, Half = 0x08, Byte = 0x10, Double = 0x18,
}
