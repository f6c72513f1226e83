package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import io.tandem.kernels.tensor.TensorScope;
import java.util.List;

/** What {@link DecoderScript} tells the script of adapters, in {@link AdapterLayout}'s numbers. */
interface AdapterArguments {
    /**
     * What a slot gets.
     *
     * @param factors three numbers for each of A and B: bank, row, column; those with magnitudes first
     * @param magnitudes without numbers for those of the weight
     * @param constants bank and row of each bias
     * @param scales three numbers for each of the differences: bank, side, column
     * @param embeddings of the virtual tokens, if there are any that do not start with those of the vocabulary
     * @param tokens of the vocabulary whose embeddings they start with
     * @param keys and values of the virtual tokens, if these have them instead
     * @param bottlenecks four numbers for each: block, width, input, function
     * @param tensors three for each of those
     * @param full 1 for each module in full that is a head, 0 for an embedding
     * @param matrices of those
     * @param singles bank and first output of each module with single weights
     * @param places of those {@code [2, n]}: inputs, then outputs
     * @param weights of those {@code [n]}
     */
    record Content(
            long[] factors,
            List<PtNDArray> a,
            List<PtNDArray> b,
            List<PtNDArray> magnitudes,
            long[] constants,
            long[] scales,
            List<PtNDArray> differences,
            List<PtNDArray> embeddings,
            long[] tokens,
            List<PtNDArray> keys,
            long[] bottlenecks,
            List<PtNDArray> tensors,
            long[] full,
            List<PtNDArray> matrices,
            long[] singles,
            List<PtNDArray> places,
            List<PtNDArray> weights)
            implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                call.numbers(factors),
                call.list(a),
                call.list(b),
                call.list(magnitudes),
                call.numbers(constants),
                call.numbers(scales),
                call.list(differences),
                call.list(embeddings),
                call.numbers(tokens),
                call.list(keys),
                call.numbers(bottlenecks),
                call.list(tensors),
                call.numbers(full),
                call.list(matrices),
                call.numbers(singles),
                call.list(places),
                call.list(weights)
            };
        }
    }

    /**
     * Where what learns lies in a trainee's vector.
     *
     * @param banks four numbers for each: ranks that learn, inputs, where A begins, all ranks
     * @param factors six numbers for each part with factors: bank, row, rank, column, width, where B begins
     * @param scalings of those
     * @param scales five numbers for each part with a scale: bank, side, column, width, where it begins
     * @param magnitudes three numbers for each part with factors that has some: its number, where they begin, whether they
     *     are those of the weight
     * @param biases three numbers for each part with factors that has one: its number, the bias's row, where it begins
     * @param virtual of virtual tokens how many, their width, where they begin, and the tokens of the vocabulary whose
     *     embeddings they start with, if they do
     * @param prefix of virtual tokens with keys and values how many, and where those begin
     * @param cores four numbers for each part with factors that has one: its number, where the core begins, whether it is
     *     diagonal (0) or full (1), whether its importance is measured
     * @param values six numbers for each part whose singular values learn: bank, row, rank, column, width, where they begin
     * @param vectors of those {@code U^T [rank, width]}
     * @param bottlenecks as in a slot's content
     * @param bottleneckStarts where each of those begins
     * @param bottleneckScalings of those
     * @param full two numbers for each module in full: 1 if it is a head, where it begins
     * @param singles four numbers for each module with single weights: bank, the first of them among the bank's, how many,
     *     where they begin
     * @param quantized nine numbers for each module with factors over quantized weights: bank, column, width, rank, bits, group
     *     size, and where A, B and the step sizes begin
     * @param quantizedScalings of those
     * @param sparse six numbers for each module with factors over sparse weights: bank, column, width, rank, how many of the weight's
     *     numbers are left out, and where its own begin
     * @param half whether what they make of the weights is rounded to float16, as weights are
     */
    record Learned(
            long[] banks,
            long[] factors,
            double[] scalings,
            long[] scales,
            long[] magnitudes,
            long[] biases,
            long[] virtual,
            long[] prefix,
            long[] cores,
            long[] values,
            List<PtNDArray> vectors,
            long[] bottlenecks,
            long[] bottleneckStarts,
            double[] bottleneckScalings,
            long[] full,
            long[] singles,
            long[] quantized,
            double[] quantizedScalings,
            long[] sparse,
            boolean half)
            implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                call.numbers(banks),
                call.numbers(factors),
                call.own(IValue.listFrom(scalings)),
                call.numbers(scales),
                call.numbers(magnitudes),
                call.numbers(biases),
                call.numbers(virtual),
                call.numbers(prefix),
                call.numbers(cores),
                call.numbers(values),
                call.list(vectors.toArray(PtNDArray[]::new)),
                call.numbers(bottlenecks),
                call.numbers(bottleneckStarts),
                call.own(IValue.listFrom(bottleneckScalings)),
                call.numbers(full),
                call.numbers(singles),
                call.numbers(quantized),
                call.own(IValue.listFrom(quantizedScalings)),
                call.numbers(sparse),
                call.flag(half)
            };
        }
    }

    /**
     * How rows find their adapters one by one.
     *
     * @param numbers int64: rows of each gathered adapter, one after the other, then those of bags
     * @param counts rows of each gathered adapter
     * @param slots of those, then of the adapters of other rows
     * @param ranks of these, as {@link Slots} has them
     * @param joined slots whose factors rows find by masks
     * @param biased whether factors have biases
     * @param places of each joined linear of a layer {@link BagNumbers#rows}, width of a block and five sizes
     * @param bottlenecks of each kind input and function, then of attention and of MLPs the same and how many firsts
     */
    record Singles(
            PtNDArray numbers,
            long[] counts,
            long[] slots,
            long[] ranks,
            long[] joined,
            boolean biased,
            long[] places,
            long[] bottlenecks)
            implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                call.value(numbers),
                call.numbers(counts),
                call.numbers(slots),
                call.numbers(ranks),
                call.numbers(joined),
                call.flag(biased),
                call.numbers(places),
                call.numbers(bottlenecks)
            };
        }
    }

    /** Slots of adapters, and for each of them and each joined linear of a layer its ranks, and what it scales there. */
    record Slots(long[] slots, long[] ranks, long[] scaled) implements Arguments {}
}
