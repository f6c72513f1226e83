package io.tandem.kernels.adapter.compeft;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.compeft.TernaryAdapter.TernaryLowRank;
import io.tandem.kernels.model.Experts;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** One reading of a file; the checksum first, and then as if there were none. */
final class CompeftReader {
    static final byte[] MAGIC = "COMPEFT".getBytes(StandardCharsets.US_ASCII);
    static final int VERSION = 1;
    static final int FACTOR_B = 16;

    /** By their number in the file. */
    static final List<TargetModule> MODULES = List.of(
            TargetModule.Q_PROJ,
            TargetModule.K_PROJ,
            TargetModule.V_PROJ,
            TargetModule.O_PROJ,
            TargetModule.GATE_PROJ,
            TargetModule.UP_PROJ,
            TargetModule.DOWN_PROJ,
            TargetModule.QKV_PROJ,
            TargetModule.GATE_UP_PROJ,
            TargetModule.EXPERT_GATE_PROJ,
            TargetModule.EXPERT_UP_PROJ,
            TargetModule.EXPERT_DOWN_PROJ,
            TargetModule.EXPERT_W1,
            TargetModule.EXPERT_W3,
            TargetModule.EXPERT_W2);

    private static final int CHECKSUM_BYTES = Integer.BYTES;
    private static final int MAX_HEADER_BYTES = 1 << 20;
    private static final int MAX_RANK = 1 << 20;
    static final int MAX_BASE_MODEL_LENGTH = 4096;
    static final double MAX_SCALING = 1e9;

    private final Path file;
    private final String name;
    private final ModelConfig model;
    private final int maxRank;

    CompeftReader(Path file, ModelConfig model, int maxRank) {
        Path last = file.getFileName();
        this.file = file;
        this.name = last == null ? file.toString() : last.toString();
        this.model = model;
        this.maxRank = maxRank;
    }

    TernaryAdapter read() {
        try {
            return parse(verified(bytes()));
        } catch (ModelFormatException e) {
            throw new AdapterFormatException("adapter '" + name + "': " + e.getMessage(), e);
        }
    }

    private byte[] bytes() {
        // More than the factors in float32 would mean that nothing was compressed.
        long numbers = 0;
        for (Site site : Site.all(model)) {
            numbers += (long) maxRank
                    * (site.module().inputs(model) + site.module().outputs(model));
        }
        long most = MAX_HEADER_BYTES + Float.BYTES * numbers;
        int limit = (int) Math.min(most, Integer.MAX_VALUE - 16);
        if (!Files.isRegularFile(file)) {
            throw refusal("no such file");
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            // Not Files.size: the file may grow between the question and the reading.
            bytes = in.readNBytes(limit + 1);
        } catch (IOException e) {
            throw new AdapterFormatException("adapter '" + name + "': cannot be read: " + e.getMessage(), e);
        }
        if (bytes.length > limit) {
            throw refusal("larger than the limit of " + limit + " bytes");
        }
        return bytes;
    }

    private ByteInput verified(byte[] bytes) {
        ByteInput in = new ByteInput(name, bytes);
        in.enter("the beginning");
        if (!Arrays.equals(in.take(MAGIC.length), MAGIC)) {
            throw in.refusal("something else", "the letters COMPEFT");
        }
        int version = in.unsignedByte();
        if (version != VERSION) {
            throw in.refusal("version " + version, "version " + VERSION);
        }
        if (in.remaining() < CHECKSUM_BYTES) {
            throw in.refusal("the end", "a checksum");
        }
        CRC32C checksum = new CRC32C();
        checksum.update(bytes, 0, bytes.length - CHECKSUM_BYTES);
        int stored =
                new ByteInput(name, Arrays.copyOfRange(bytes, bytes.length - CHECKSUM_BYTES, bytes.length)).integer();
        if ((int) checksum.getValue() != stored) {
            throw refusal(String.format(
                    "the checksum is %08x, expected %08x: the file is damaged", stored, (int) checksum.getValue()));
        }
        return in.withoutLast(CHECKSUM_BYTES);
    }

    private TernaryAdapter parse(ByteInput in) {
        int flags = in.unsignedShort();
        if (flags != 0) {
            throw in.refusal("flags " + flags, "0");
        }
        int length = in.integer();
        if (length < 0 || length > MAX_HEADER_BYTES) {
            throw in.refusal("a header of " + Integer.toUnsignedLong(length) + " bytes", "at most " + MAX_HEADER_BYTES);
        }
        in.enter("the header");
        JsonFields header = JsonFields.parse(file, in.take(length));
        LoraConfig config = config(header);
        JsonFields scaling = header.object("scaling").orElseThrow(() -> header.refuse("scaling", "an object"));
        SortedMap<Site, TernaryLowRank> modules = modules(in, config, scaling);
        for (String site : scaling.keys()) {
            if (modules.keySet().stream().noneMatch(known -> known.toString().equals(site))) {
                throw scaling.refuse(site, "only modules that have factors");
            }
        }
        return new TernaryAdapter(config, modules);
    }

    private LoraConfig config(JsonFields header) {
        String baseModel = header.text("base_model_name_or_path").orElse("");
        if (baseModel.length() > MAX_BASE_MODEL_LENGTH) {
            throw header.refuse("base_model_name_or_path", "at most " + MAX_BASE_MODEL_LENGTH + " characters");
        }
        return new LoraConfig(
                header.integer("r", 1, MAX_RANK),
                header.number("lora_alpha", -MAX_SCALING, MAX_SCALING),
                header.bool("use_rslora", false),
                targets(header),
                baseModel);
    }

    private Set<TargetModule> targets(JsonFields header) {
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        JsonNode labels =
                header.value("target_modules").filter(JsonNode::isArray).orElse(null);
        if (labels == null) {
            throw header.refuse("target_modules", "a list of module names");
        }
        for (JsonNode label : labels) {
            List<TargetModule> named = model.modules().stream()
                    .filter(known -> label.isTextual() && known.label().equals(label.textValue()))
                    .toList();
            if (named.isEmpty()) {
                throw header.refuse("target_modules", "names of a decoder layer's linears: " + model.moduleNames());
            }
            targets.addAll(named);
        }
        return targets;
    }

    private SortedMap<Site, TernaryLowRank> modules(ByteInput in, LoraConfig config, JsonFields scaling) {
        in.enter("the tensors");
        int count = in.varint("number of tensors", 2 * Site.all(model).size());
        if (count == 0 || count % 2 != 0) {
            throw in.refusal(count + " tensors", "two for each of one or more modules");
        }
        SortedMap<Site, TernaryLowRank> modules = new TreeMap<>();
        Site previous = null;
        for (int i = 0; i < count / 2; i++) {
            Site site = site(in, previous, config);
            int rank = in.varint("rank", maxRank);
            if (rank == 0) {
                throw in.refusal("a rank of 0", "1 to " + maxRank);
            }
            String key = site.toString();
            double own = scaling.number(key, -MAX_SCALING, MAX_SCALING, config.scaling(rank));
            modules.put(site, factors(in, site, rank, own));
            previous = site;
        }
        if (in.remaining() > 0) {
            throw in.refusal(in.remaining() + " more bytes", "the end after " + count + " tensors");
        }
        return modules;
    }

    private Site site(ByteInput in, @Nullable Site previous, LoraConfig config) {
        int layer = in.varint("layer", model.layers() - 1);
        int module = in.unsignedByte();
        if (module >= MODULES.size() || !model.modules().contains(MODULES.get(module))) {
            throw in.refusal(
                    "module " + module, "factor A of one of " + model.modules().size() + " modules");
        }
        Site site = new Site(layer, MODULES.get(module), expert(in, MODULES.get(module)));
        if (previous != null && site.compareTo(previous) <= 0) {
            throw in.refusal(site + " after " + previous, "ascending modules");
        }
        if (!config.targets().contains(site.module())) {
            throw in.refusal(site.toString(), "a module that target_modules of the header names");
        }
        return site;
    }

    /** Written for modules of experts alone. */
    private int expert(ByteInput in, TargetModule module) {
        int experts = model.experts().map(Experts::count).orElse(0);
        return module.ofExperts() ? in.varint("expert", experts - 1) : -1;
    }

    private TernaryLowRank factors(ByteInput in, Site site, int rank, double scaling) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        in.enter(site + ".lora_A");
        expect(in, "columns", inputs);
        TernaryTensor a = tensor(in, rank, inputs);
        in.enter(site + ".lora_B");
        expect(in, "layer", site.layer());
        int code = in.unsignedByte();
        if (code != (FACTOR_B | MODULES.indexOf(site.module()))) {
            throw in.refusal("module and factor " + code, "factor B of the same module");
        }
        if (site.module().ofExperts()) {
            expect(in, "expert", site.expert());
        }
        expect(in, "rows", outputs);
        expect(in, "columns", rank);
        TernaryTensor b = tensor(in, outputs, rank);
        in.enter("after " + site);
        return new TernaryLowRank(rank, inputs, outputs, a, b, scaling);
    }

    private static void expect(ByteInput in, String what, int expected) {
        int found = in.varint(what, Integer.MAX_VALUE);
        if (found != expected) {
            throw in.refusal(what + " " + found, what + " " + expected);
        }
    }

    private static TernaryTensor tensor(ByteInput in, int rows, int columns) {
        if ((long) rows * columns > Integer.MAX_VALUE - 16) {
            throw in.refusal("[" + rows + ", " + columns + "]", "a tensor of fewer numbers");
        }
        int length = rows * columns;
        float scale = in.real();
        if (!(scale >= 0) || Float.isInfinite(scale)) {
            throw in.refusal("a scale of " + scale, "a finite number of 0 or more");
        }
        int count = in.varint("count", length);
        int parameter = in.unsignedByte();
        if (parameter > RiceCode.MAX_PARAMETER) {
            throw in.refusal("a Rice parameter of " + parameter, "at most " + RiceCode.MAX_PARAMETER);
        }
        return RiceCode.decode(in, length, scale, count, parameter);
    }

    private AdapterFormatException refusal(String problem) {
        return new AdapterFormatException("adapter '" + name + "': " + problem);
    }
}
