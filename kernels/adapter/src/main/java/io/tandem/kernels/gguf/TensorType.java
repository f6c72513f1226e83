package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.StoredType;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The types of tensors that can be read, as {@code ggml.h} numbers them. */
enum TensorType {
    F32(0, new PlainNumbers(StoredType.F32)),
    F16(1, new PlainNumbers(StoredType.F16)),
    BF16(30, new PlainNumbers(StoredType.BF16)),
    Q8_0(8, new Blocks8()),
    Q6_K(14, new SuperBlocks6()),
    Q5_K(13, new SuperBlocks45(true)),
    Q5_1(7, new Blocks45(true, true)),
    Q5_0(6, new Blocks45(true, false)),
    Q4_K(12, new SuperBlocks45(false)),
    Q4_1(3, new Blocks45(false, true)),
    Q4_0(2, new Blocks45(false, false));

    private static final Map<Integer, String> OTHERS = Map.ofEntries(
            Map.entry(9, "Q8_1"),
            Map.entry(10, "Q2_K"),
            Map.entry(11, "Q3_K"),
            Map.entry(15, "Q8_K"),
            Map.entry(16, "IQ2_XXS"),
            Map.entry(17, "IQ2_XS"),
            Map.entry(18, "IQ3_XXS"),
            Map.entry(19, "IQ1_S"),
            Map.entry(20, "IQ4_NL"),
            Map.entry(21, "IQ3_S"),
            Map.entry(22, "IQ2_S"),
            Map.entry(23, "IQ4_XS"),
            Map.entry(24, "I8"),
            Map.entry(25, "I16"),
            Map.entry(26, "I32"),
            Map.entry(27, "I64"),
            Map.entry(28, "F64"),
            Map.entry(29, "IQ1_M"),
            Map.entry(34, "TQ1_0"),
            Map.entry(35, "TQ2_0"),
            Map.entry(39, "MXFP4"));

    private final int number;

    @SuppressWarnings("ImmutableEnumChecker") // Formats are records of numbers, or have none.
    private final BlockFormat format;

    TensorType(int number, BlockFormat format) {
        this.number = number;
        this.format = format;
    }

    BlockFormat format() {
        return format;
    }

    /** What its numbers can be passed on as without a change of their bits; F32 for those in blocks. */
    StoredType stored() {
        return format instanceof PlainNumbers plain ? plain.type() : StoredType.F32;
    }

    static Optional<TensorType> of(int number) {
        return Arrays.stream(values()).filter(type -> type.number == number).findFirst();
    }

    /** What a number means, supported or not. */
    static String name(int number) {
        return of(number).map(TensorType::name).orElseGet(() -> OTHERS.getOrDefault(number, "number " + number));
    }

    static String supported() {
        return Arrays.stream(values()).map(TensorType::name).collect(Collectors.joining(", "));
    }
}
