package io.tandem.server.storage;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.learning.LearningState;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.scheduler.finetune.Trajectories;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UTFDataFormatException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;

/**
 * A checkpoint without its adapters, in a file. It ends with a CRC-32C of everything before it and holds those of the
 * adapters' weights, so that a checkpoint whose parts do not belong together is noticed. Optimizer states may be as large
 * as the heap, so they are never copied as a whole.
 */
final class CheckpointState {
    private static final int MAGIC = 0x544E444D;
    private static final int VERSION = 4;
    /** Before there were losses of the training examples. */
    private static final int WITHOUT_TRAJECTORIES = 3;

    /** Before there was more than the optimizer's own tensors, and anything but all of an adapter that learns. */
    private static final int FIRST = 2;

    private static final int BUFFER_BYTES = 1 << 16;

    private CheckpointState() {}

    /** @param weights files that belong to it */
    static void write(Path file, JobCheckpoint checkpoint, List<Path> weights) throws IOException {
        CRC32C crc = new CRC32C();
        try (OutputStream bytes = new BufferedOutputStream(Files.newOutputStream(file), BUFFER_BYTES)) {
            write(new DataOutputStream(new CheckedOutputStream(bytes, crc)), checkpoint, weights);
            new DataOutputStream(bytes).writeInt((int) crc.getValue());
        }
    }

    private static void write(DataOutputStream out, JobCheckpoint checkpoint, List<Path> weights) throws IOException {
        out.writeInt(MAGIC);
        out.writeInt(VERSION);
        out.writeInt(weights.size());
        for (Path file : weights) {
            out.writeInt(checksum(file, Files.size(file)));
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
        writeNumbers(out, checkpoint.references());
        out.writeBoolean(checkpoint.measured().isPresent());
        if (checkpoint.measured().isPresent()) {
            write(out, checkpoint.measured().get());
        }
        write(out, checkpoint.optimizer());
        write(out, checkpoint.learning());
        write(out, checkpoint.trajectories());
    }

    private static void write(DataOutputStream out, Trajectories trajectories) throws IOException {
        out.writeInt(trajectories.times());
        for (List<Double> losses : trajectories.losses()) {
            writeNumbers(out, losses);
        }
    }

    private static void write(DataOutputStream out, LearningState learning) throws IOException {
        out.writeInt(learning.numbers().size());
        for (Map.Entry<String, List<Double>> entry : learning.numbers().entrySet()) {
            out.writeUTF(entry.getKey());
            writeNumbers(out, entry.getValue());
        }
    }

    private static void writeNumbers(DataOutputStream out, List<Double> numbers) throws IOException {
        out.writeInt(numbers.size());
        for (double number : numbers) {
            out.writeDouble(number);
        }
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
        write(out, optimizer.tensors());
        write(out, optimizer.more());
    }

    private static void write(DataOutputStream out, SortedMap<String, byte[]> tensors) throws IOException {
        out.writeInt(tensors.size());
        for (Map.Entry<String, byte[]> entry : tensors.entrySet()) {
            out.writeUTF(entry.getKey());
            out.writeInt(entry.getValue().length);
            out.write(entry.getValue());
        }
    }

    /**
     * @param weights files that belong to it
     * @param adapter read from the first of them
     * @param pruned read from the next, if there is one
     * @param best read from the last
     * @throws DamagedCheckpointException if the file, or one that belongs to it, is not what was written
     */
    static JobCheckpoint read(
            Path file, List<Path> weights, Adapter adapter, Optional<Adapter> pruned, Optional<Adapter> best)
            throws IOException {
        try {
            requireWhole(file);
            try (InputStream bytes = new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES)) {
                return read(new DataInputStream(bytes), weights, adapter, pruned, best);
            }
        } catch (EOFException | UTFDataFormatException e) {
            throw new DamagedCheckpointException("its state is cut off");
        }
    }

    private static void requireWhole(Path file) throws IOException {
        long end = Files.size(file) - Integer.BYTES;
        try (InputStream bytes = Files.newInputStream(file)) {
            bytes.skipNBytes(Math.max(0, end));
            if (new DataInputStream(bytes).readInt() != checksum(file, end)) {
                throw new DamagedCheckpointException("the checksum of its state is wrong");
            }
        }
    }

    private static JobCheckpoint read(
            DataInputStream in, List<Path> weights, Adapter adapter, Optional<Adapter> pruned, Optional<Adapter> best)
            throws IOException {
        int magic = in.readInt();
        int version = in.readInt();
        if (magic != MAGIC || version < FIRST || version > VERSION) {
            throw new DamagedCheckpointException("its state is of another version");
        }
        if (in.readInt() != weights.size()) {
            throw new DamagedCheckpointException("an adapter of it is missing");
        }
        for (Path file : weights) {
            if (in.readInt() != checksum(file, Files.size(file))) {
                throw new DamagedCheckpointException("the checksum of " + file.getFileName() + " is wrong");
            }
        }
        int step = in.readInt();
        long trainedTokens = in.readLong();
        Scores trained = scores(in);
        double smallestLoss = in.readDouble();
        int withoutGain = in.readInt();
        Optional<Best> kept = Optional.empty();
        if (in.readBoolean()) {
            Adapter weightsOfBest =
                    best.orElseThrow(() -> new DamagedCheckpointException("the best adapter of it is missing"));
            kept = Optional.of(new Best(in.readInt(), in.readDouble(), weightsOfBest));
        }
        List<Double> references = numbers(in);
        Optional<Measured> measured = in.readBoolean() ? Optional.of(measured(in)) : Optional.empty();
        OptimizerState optimizer = optimizer(in, version);
        return new JobCheckpoint(
                step,
                adapter,
                pruned,
                optimizer,
                kept,
                smallestLoss,
                withoutGain,
                references,
                trainedTokens,
                trained,
                measured,
                version == FIRST ? LearningState.NONE : learning(in),
                version <= WITHOUT_TRAJECTORIES ? Trajectories.NONE : trajectories(in));
    }

    private static LearningState learning(DataInputStream in) throws IOException {
        SortedMap<String, List<Double>> numbers = new TreeMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            numbers.put(in.readUTF(), numbers(in));
        }
        return new LearningState(numbers);
    }

    private static Trajectories trajectories(DataInputStream in) throws IOException {
        List<List<Double>> losses = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            losses.add(numbers(in));
        }
        return new Trajectories(losses);
    }

    private static List<Double> numbers(DataInputStream in) throws IOException {
        List<Double> numbers = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            numbers.add(in.readDouble());
        }
        return numbers;
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

    private static OptimizerState optimizer(DataInputStream in, int version) throws IOException {
        int steps = in.readInt();
        SortedMap<String, byte[]> tensors = tensors(in);
        return new OptimizerState(steps, tensors, version == FIRST ? new TreeMap<>() : tensors(in));
    }

    private static SortedMap<String, byte[]> tensors(DataInputStream in) throws IOException {
        SortedMap<String, byte[]> tensors = new TreeMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            String name = in.readUTF();
            int length = in.readInt();
            tensors.put(name, in.readNBytes(length));
        }
        return tensors;
    }

    /** Of the first bytes of a file. */
    private static int checksum(Path file, long length) throws IOException {
        CRC32C crc = new CRC32C();
        byte[] buffer = new byte[BUFFER_BYTES];
        try (InputStream bytes = Files.newInputStream(file)) {
            for (long left = length; left > 0; ) {
                int read = bytes.readNBytes(buffer, 0, (int) Math.min(left, buffer.length));
                if (read == 0) {
                    throw new EOFException(file.getFileName() + " became shorter");
                }
                crc.update(buffer, 0, read);
                left -= read;
            }
        }
        return (int) crc.getValue();
    }
}
