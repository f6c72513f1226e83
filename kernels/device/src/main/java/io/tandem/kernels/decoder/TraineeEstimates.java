package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.adapter.learning.SensitiveWeights;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.decoder.ScriptObjects.TraineeObject;
import io.tandem.kernels.tensor.TensorScope;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What a mini-batch says of a trainee, before the step.
 *
 * @param factors in the order of the device's parts
 */
record TraineeEstimates(
        DecoderScript script, TensorScope scope, TraineeObject trainee, List<Part> factors, LearningPlan plan) {

    /** See {@link io.tandem.kernels.DeviceModel#estimates}. */
    SortedMap<Site, Estimate> read(double lossScale) {
        if (!plan.estimates()) {
            throw new IllegalStateException("a trainee whose plan has no estimates");
        }
        SortedMap<Site, Estimate> estimates = new TreeMap<>();
        try (TensorScope call = scope.open()) {
            FloatBuffer numbers = FloatBuffer.wrap(script.estimates(call, trainee));
            SortedMap<Site, SensitiveWeights> sensitive = sensitive(call);
            for (Part part : factors) {
                List<Double> ranks = Stream.generate(() -> lossScale * numbers.get())
                        .limit(part.change().rank())
                        .toList();
                estimates.put(
                        part.site(),
                        new Estimate(
                                ranks,
                                numbers.get(),
                                lossScale * lossScale * numbers.get(),
                                Optional.ofNullable(sensitive.get(part.site()))));
            }
        }
        return estimates;
    }

    /** Of the modules in the layers that are sensed. */
    private SortedMap<Site, SensitiveWeights> sensitive(TensorScope call) {
        List<Part> sensed = factors.stream()
                .filter(part -> plan.sensed().contains(part.site().layer()))
                .toList();
        SortedMap<Site, SensitiveWeights> sensitive = new TreeMap<>();
        PtNDArray[] taken = script.sensitive(
                call,
                trainee,
                sensed.stream()
                        .mapToLong(part -> SensitiveWeights.most(part.change()))
                        .toArray());
        for (int i = 0; i < sensed.size(); i++) {
            int[] places = Arrays.stream(taken[2 * i].toLongArray())
                    .mapToInt(Math::toIntExact)
                    .toArray();
            sensitive.put(sensed.get(i).site(), new SensitiveWeights(places, taken[2 * i + 1].toFloatArray()));
        }
        return sensitive;
    }
}
