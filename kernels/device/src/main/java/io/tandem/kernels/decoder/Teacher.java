package io.tandem.kernels.decoder;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.TeacherObject;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.Optional;

/**
 * The model that adapters may learn from, as {@code teacher.py} has it.
 *
 * @param model empty if there is none
 */
record Teacher(TeacherObject value, Optional<ModelConfig> model) {
    /**
     * Loads the teacher, if the limits name one.
     *
     * @param learner the model beside it
     * @throws ModelFormatException if its vocabulary is another, or its files cannot be read
     */
    static Teacher load(
            DecoderScript script, TensorScope owner, ModelConfig learner, KernelsConfig limits, LoadProgress progress) {
        TeacherObject value = script.newTeacher(owner);
        if (limits.teacher().isEmpty()) {
            return new Teacher(value, Optional.empty());
        }
        ModelFiles files = ModelSource.open(limits.teacher().get());
        ModelConfig model = ModelConfigReader.read(files.config());
        if (model.vocab() != learner.vocab()) {
            throw ModelFormatException.in(
                    files.path(),
                    "is to teach a model with a vocabulary of " + learner.vocab() + ", and has one of "
                            + model.vocab());
        }
        try (TensorScope call = owner.open()) {
            ModelObject loaded = new ModelLoader(script, files.weights(), model, limits, progress).load(call);
            script.setTeacher(call, value, loaded, AdapterSlots.sizes(model), limits.packTokens(), model.ffn());
        }
        return new Teacher(value, Optional.of(model));
    }

    /** @throws IllegalArgumentException if there is none */
    void require() {
        if (model.isEmpty()) {
            throw new IllegalArgumentException("there is no teacher to learn from");
        }
    }

    /** What serving takes with it. */
    MemoryPlan beside(MemoryPlan serving, KernelsConfig limits) {
        return model.map(own -> serving.plus(MemoryPlan.teacher(own, limits))).orElse(serving);
    }
}
