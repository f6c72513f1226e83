package io.tandem.kernels.adapter.compeft;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.TargetModule;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.CRC32C;

/** One writing of a file; the same adapter always gives the same bytes. */
final class CompeftWriter {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private final TernaryAdapter adapter;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    CompeftWriter(TernaryAdapter adapter) {
        this.adapter = adapter;
    }

    byte[] write() throws IOException {
        out.writeBytes(CompeftReader.MAGIC);
        out.write(CompeftReader.VERSION);
        littleEndian(0, Short.BYTES);
        byte[] header = MAPPER.writeValueAsBytes(header());
        littleEndian(header.length, Integer.BYTES);
        out.writeBytes(header);
        varint(2 * adapter.modules().size());
        adapter.modules().forEach((site, factors) -> {
            tensor(site, 0, factors.rank(), factors.inputs(), factors.a());
            tensor(site, CompeftReader.FACTOR_B, factors.outputs(), factors.rank(), factors.b());
        });
        CRC32C checksum = new CRC32C();
        checksum.update(out.toByteArray());
        littleEndian((int) checksum.getValue(), Integer.BYTES);
        return out.toByteArray();
    }

    private SortedMap<String, Object> header() {
        LoraConfig config = adapter.config();
        Map<String, Double> scaling = new LinkedHashMap<>();
        adapter.modules().forEach((site, factors) -> {
            if (factors.scaling() != config.scaling(factors.rank())) {
                scaling.put(site.toString(), factors.scaling());
            }
        });
        Set<TargetModule> targets = new TreeSet<>(config.targets());
        adapter.modules().keySet().forEach(site -> targets.add(site.module()));
        return new TreeMap<>(Map.of(
                "r",
                config.rank(),
                "lora_alpha",
                config.alpha(),
                "use_rslora",
                config.rankStabilized(),
                "target_modules",
                targets.stream().map(TargetModule::label).distinct().toList(),
                "base_model_name_or_path",
                config.baseModel(),
                "scaling",
                scaling));
    }

    private void tensor(Site site, int factor, int rows, int columns, TernaryTensor tensor) {
        varint(site.layer());
        out.write(factor | CompeftReader.MODULES.indexOf(site.module()));
        if (site.module().ofExperts()) {
            varint(site.expert());
        }
        varint(rows);
        varint(columns);
        littleEndian(Float.floatToIntBits(tensor.scale()), Float.BYTES);
        varint(tensor.positions().length);
        int parameter = RiceCode.bestParameter(tensor.positions());
        out.write(parameter);
        RiceCode.encode(tensor, parameter, out);
    }

    private void littleEndian(int value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            out.write(value >>> (Byte.SIZE * i));
        }
    }

    private void varint(int value) {
        int rest = value;
        while (rest >= 0x80) {
            out.write((rest & 0x7F) | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
    }
}
