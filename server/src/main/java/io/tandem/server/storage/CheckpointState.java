package io.tandem.server.storage;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.Scores;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * A checkpoint without its adapters, as bytes. They end with a CRC-32C of everything before it and hold those of the
 * adapters' weights, so that a checkpoint whose parts do not belong together is noticed.
 */
final class CheckpointState {
    private static final int MAGIC = 0x544E444D;
    private static final int VERSION = 2;

    private CheckpointState() {}

    /** @param weights files that belong to it */
    static byte[] encode(JobCheckpoint checkpoint, List<Path> weights) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeInt(MAGIC);
        out.writeInt(VERSION);
        out.writeInt(weights.size());
        for (Path file : weights) {
            out.writeInt(checksum(Files.readAllBytes(file)));
        }
        out.writeInt(checkpoint.step());
        out.writeLong(checkpoint.trainedTokens());
        write(out, checkpoint.trained());
        out.writeDouble(checkpoint.smallestLoss());
        out.writeInt(checkpoint.withoutGain());
        out.writeBoolean(checkpoint.best().isPresent());
        if (checkpoint.best().isPresent()) {
            out.writeInt(checkpoint.best().get().step());
            out.writeDouble(checkpoint.best().get().loss());
        }
        out.writeInt(checkpoint.references().size());
        for (double reference : checkpoint.references()) {
            out.writeDouble(reference);
        }
        out.writeBoolean(checkpoint.measured().isPresent());
        if (checkpoint.measured().isPresent()) {
            write(out, checkpoint.measured().get());
        }
        write(out, checkpoint.optimizer());
        out.writeInt(checksum(bytes.toByteArray()));
        return bytes.toByteArray();
    }

    private static void write(DataOutputStream out, Measured measured) throws IOException {
        out.writeInt(measured.step());
        write(out, measured.scores());
        out.writeInt(measured.lossByAbility().size());
        for (Map.Entry<String, Double> entry : measured.lossByAbility().entrySet()) {
            out.writeUTF(entry.getKey());
            out.writeDouble(entry.getValue());
        }
    }

    private static void write(DataOutputStream out, Scores scores) throws IOException {
        out.writeDouble(scores.loss());
        out.writeDouble(scores.tokenAccuracy().orElse(Double.NaN));
        out.writeDouble(scores.exactMatch().orElse(Double.NaN));
        out.writeDouble(scores.rewardAccuracy().orElse(Double.NaN));
    }

    private static void write(DataOutputStream out, OptimizerState optimizer) throws IOException {
        out.writeInt(optimizer.steps());
        out.writeInt(optimizer.tensors().size());
        for (Map.Entry<String, byte[]> entry : optimizer.tensors().entrySet()) {
            out.writeUTF(entry.getKey());
            out.writeInt(entry.getValue().length);
            out.write(entry.getValue());
        }
    }

    /**
     * @param weights files that belong to it
     * @param adapter read from the first of them
     * @param best read from the second
     * @throws IOException if the bytes, or the files that belong to them, are not what was written
     */
    static JobCheckpoint decode(byte[] bytes, List<Path> weights, Adapter adapter, Optional<Adapter> best)
            throws IOException {
        int end = bytes.length - Integer.BYTES;
        if (end < 0 || ByteBuffer.wrap(bytes).getInt(end) != checksum(Arrays.copyOf(bytes, end))) {
            throw new IOException("the checksum of its state is wrong");
        }
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes, 0, end));
        if (in.readInt() != MAGIC || in.readInt() != VERSION) {
            throw new IOException("its state is of another version");
        }
        if (in.readInt() != weights.size()) {
            throw new IOException("an adapter of it is missing");
        }
        for (Path file : weights) {
            if (in.readInt() != checksum(Files.readAllBytes(file))) {
                throw new IOException("the checksum of " + file.getFileName() + " is wrong");
            }
        }
        int step = in.readInt();
        long trainedTokens = in.readLong();
        Scores trained = scores(in);
        double smallestLoss = in.readDouble();
        int withoutGain = in.readInt();
        Optional<Best> kept = Optional.empty();
        if (in.readBoolean()) {
            Adapter weightsOfBest = best.orElseThrow(() -> new IOException("the best adapter of it is missing"));
            kept = Optional.of(new Best(in.readInt(), in.readDouble(), weightsOfBest));
        }
        List<Double> references = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            references.add(in.readDouble());
        }
        Optional<Measured> measured = in.readBoolean() ? Optional.of(measured(in)) : Optional.empty();
        return new JobCheckpoint(
                step,
                adapter,
                optimizer(in),
                kept,
                smallestLoss,
                withoutGain,
                references,
                trainedTokens,
                trained,
                measured);
    }

    private static Measured measured(DataInputStream in) throws IOException {
        int step = in.readInt();
        Scores scores = scores(in);
        SortedMap<String, Double> byAbility = new TreeMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            byAbility.put(in.readUTF(), in.readDouble());
        }
        return new Measured(step, scores, byAbility);
    }

    private static Scores scores(DataInputStream in) throws IOException {
        return new Scores(in.readDouble(), share(in), share(in), share(in));
    }

    private static OptionalDouble share(DataInputStream in) throws IOException {
        double share = in.readDouble();
        return Double.isNaN(share) ? OptionalDouble.empty() : OptionalDouble.of(share);
    }

    private static OptimizerState optimizer(DataInputStream in) throws IOException {
        int steps = in.readInt();
        SortedMap<String, byte[]> tensors = new TreeMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            String name = in.readUTF();
            int length = in.readInt();
            if (length < 0 || length > in.available()) {
                throw new IOException("its state ends within " + name);
            }
            tensors.put(name, in.readNBytes(length));
        }
        return new OptimizerState(steps, tensors);
    }

    private static int checksum(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }
}
