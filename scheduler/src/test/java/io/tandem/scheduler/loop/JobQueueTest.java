package io.tandem.scheduler.loop;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.TargetModule;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.LearningRateSchedule;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.plan.ServingSpell;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class JobQueueTest {
    private static final LoraConfig LORA = new LoraConfig(2, 4, false, Set.of(TargetModule.Q_PROJ), "");

    private static FinetuneJob job(String caller, int tokens) {
        int[] all = new Random(tokens).ints(tokens, 0, 1000).toArray();
        FinetuneJob.Settings settings = new FinetuneJob.Settings(
                new Objective.Supervised(),
                1,
                1,
                1e-3,
                0,
                LearningRateSchedule.CONSTANT,
                7,
                OptimizerConfig.DEFAULT,
                FinetuneJob.Cadence.ENDS,
                LearningPolicy.EVERYTHING);
        List<Example> text = List.of(Example.text("", new TrainingPack.Sequence(all, all)));
        return new FinetuneJob(
                "of-" + caller,
                caller,
                new LoraMethod(LORA),
                List.of(),
                text,
                List.of(),
                settings,
                1,
                Optional.empty());
    }

    /** However a window falls on the packs: by the end each caller has trained its own tokens. */
    @Property(tries = 50)
    void eachCallerIsChargedForItsOwnRows(@ForAll long seed) {
        Random random = new Random(seed);
        Finetuning finetuning = new Finetuning(64, 0.05, 0, Mode.CO_SERVING, 1);
        SchedulerConfig config =
                new SchedulerConfig(new Targets(50, 1000), finetuning, 64, 0, 10, 10, 3, Speculation.NONE);
        FakeDevice device = new FakeDevice(config.deviceLimits(FakeDevice.limits(1, 96, 1)), inputs -> 1);
        JobQueue queue = new JobQueue(device, config, device::nanoTime);
        Map<String, Integer> tokens = Map.of("ann", 50, "bob", 7, "eve", 90);
        tokens.forEach((caller, count) -> queue.add(job(caller, count), new RecordingJobSink()));
        queue.prepare();
        assertThat(queue.pending(ServingSpell.NONE).orElseThrow().pack().rows()).isEqualTo(147);
        Map<String, Double> charged = new TreeMap<>();
        while (queue.pending(ServingSpell.NONE).isPresent()) {
            PackProgress left = queue.pending(ServingSpell.NONE).get().pack();
            TrainingWork work = left.forwardRows() > 0
                    ? new TrainingWork(1 + random.nextInt(left.forwardRows()), 0)
                    : new TrainingWork(0, 1 + random.nextInt((int) left.backwardRowLayers()));
            queue.apply(
                    device.run(new IterationInputs(List.of(), Optional.of(work))),
                    (caller, trained) -> charged.merge(caller, trained, Double::sum));
            queue.checkIntegrity();
        }
        tokens.forEach(
                (caller, count) -> assertThat(charged.get(caller)).as(caller).isBetween(count - 1e-6, count + 1e-6));
    }
}
