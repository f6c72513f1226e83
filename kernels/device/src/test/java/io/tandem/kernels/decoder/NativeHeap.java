package io.tandem.kernels.decoder;

import com.sun.jna.NativeLibrary;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;

/** What glibc's allocator has handed out, from which libtorch gets its memory. The Java heap is not part of it. */
final class NativeHeap {
    private NativeHeap() {}

    /** {@code struct mallinfo2}, see mallinfo(3). */
    @FieldOrder({
        "arena",
        "ordblks",
        "smblks",
        "hblks",
        "hblkhd",
        "usmblks",
        "fsmblks",
        "uordblks",
        "fordblks",
        "keepcost"
    })
    public static final class Usage extends Structure implements Structure.ByValue {
        public long arena;
        public long ordblks;
        public long smblks;
        public long hblks;
        public long hblkhd;
        public long usmblks;
        public long fsmblks;
        public long uordblks;
        public long fordblks;
        public long keepcost;
    }

    /** Bytes in use, without Java's direct buffers, which live until a garbage collection. Mapped files are no part of the heap. */
    static long usedBytes() {
        System.gc();
        Usage usage =
                (Usage) NativeLibrary.getInstance("c").getFunction("mallinfo2").invoke(Usage.class, new Object[0]);
        long direct = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .filter(pool -> pool.getName().equals("direct"))
                .mapToLong(BufferPoolMXBean::getMemoryUsed)
                .sum();
        return usage.uordblks + usage.hblkhd - direct;
    }
}
