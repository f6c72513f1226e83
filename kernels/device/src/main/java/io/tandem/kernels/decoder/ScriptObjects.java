package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;

/** What {@link DecoderScript} gets of the script and hands back to it, as a type for each of the script's. */
interface ScriptObjects {
    /** {@code model.Model}. */
    record ModelObject(IValue value) {}

    /** {@code linear.Forms}. */
    record FormsObject(IValue value) {}

    /** {@code cache.Cache}. */
    record CacheObject(IValue value) {}

    /** {@code change.Changes}. */
    record AdaptersObject(IValue value) {}

    /** {@code row_adapters.Singles}. */
    record SinglesObject(IValue value) {}

    /** {@code arena.Arena}. */
    record ArenaObject(IValue value) {}

    /** {@code teacher.Teacher}. */
    record TeacherObject(IValue value) {}

    /** {@code loops.Passage}. */
    record PassageObject(IValue value) {}

    /** {@code trainee.Trainee}. */
    record TraineeObject(IValue value) {}

    /** {@code optimizer.Optimizer}. */
    record OptimizerObject(IValue value) {}

    /** {@code step.Step}. */
    record StepObject(IValue value) {}

    /** A weight of the model that is being filled. */
    record Weight(IValue value) {}

    /** The factors of a trainee, [numbers] float32. */
    record Factors(IValue value) {}

    /** Their gradients, [lanes, numbers] float32. */
    record Gradients(IValue value) {}

    /** The least and the largest numbers that each bank of a trainee has published, {@code [banks, 4]} float32. */
    record Extremes(IValue value) {}
}
