package io.tandem.kernels.decoder;

import java.util.List;
import java.util.stream.LongStream;

/** Backward windows as {@code Decoder.backward} wants them: one row of numbers after the other. */
final class BackwardUnits {
    private BackwardUnits() {}

    static long[] encode(List<PackWindows.Backward> units, PackRows pack) {
        return units.stream()
                .flatMapToLong(unit -> {
                    List<long[]> windows = pack.windows(unit.from(), unit.to());
                    LongStream head = LongStream.of(unit.layer(), unit.from(), unit.to(), windows.size());
                    return LongStream.concat(head, windows.stream().flatMapToLong(LongStream::of));
                })
                .toArray();
    }
}
