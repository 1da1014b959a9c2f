import { REGION_NAMES, type RegionName } from '../../storage/regions.ts';
import type { Verification } from '../services.ts';

/**
 * The Cloudflare locations from which a region's objects answer soonest. The platform makes objects of some regions
 * elsewhere, those of `afr` in Europe for one, so this is what was measured and not geography: 276 locations by
 * where.durableobjects.live (read 2026-01-04); for the others that of the nearest measured location
 * (speed.cloudflare.com/locations, read 2026-08-07). The locations of East Asia are taken out of `apac`: one object
 * cannot be near both Singapore and Tokyo, and the platform has a hint of its own for them.
 */
const LOCATIONS: Record<RegionName, string> = {
  wnam: 'ABQ ANC AUS DEN DFW GDL GUM HNL LAS LAX OMA PDX PHX PPT SAN SAT SEA SFO SJC SLC SMF YVR YXE YYC',
  enam: 'ARU ASU BAQ BEL BGR BOG CAW CGB CLE CLO CLT CMH CNF COR CVG EZE FLN FSD GEO GIG GRU GUA IND JAX JDO KIN LIM MAO MEX MIA OKC ORD ORF PBM PHL QRO QWJ RDU REC RIC SAP SDQ SJK SJO SJP SJU STL TLH UIO VIX YUL YYZ',
  sam: 'ARI ATL BGI BNA BOS BSB BUF CFC CWB DTW EWR FOR GND GYE GYN IAD IAH JOI LPB MCI MDE MEM MSP NQN NVT PIT PMW POA POS PTY RAO SCL SOD STI TGU TPA VCP XAP YHZ YWG',
  weur: 'AAE ABJ ACC ADD AMM ASK BCN BOD BRU CAI CPT DLA DMM DUR GBE HRE JED JIB KWI LHR LIS LLW LOS LUN MAD MAN MLE MPM MRS NBO OUA RUN SSA TUN UDI WDH ZDM',
  eeur: 'AKX ALG ATH BTS CMB DME FCO FRA FRU HAM KJA LED LJU MSQ NQZ SKP SOF TIA TXL ULN VNO ZAG',
  apac: 'AGR AMD BBI BDQ BKK BLR BOM BWN CCU CEB CGK CGP CGY CJB CNN CNX COK CRK DAC DAD DEL DPS DXB HAN HKG HYD ISB IXC JHB JOG JRG KCH KHI KNU KTM KUL LHE MAA MFM MLG MNL MRU NAG PAT PBH PNH PNQ SGN SIN UDR URT VTE',
  'apac-ne': 'FUK ICN KHH KIX NRT OKA TPE',
  oc: 'ADL AKL BNE CBR CHC HBA MEL NOU PER SUV SYD WLG',
  afr: 'AMS BAH BEY CDG CPH CZL DAR DKR DOH DUB DUS EBB FIH GOT GYD JNB KEF KGL LAD LCA LLK LUX LYS MBA ORN TNR',
  me: 'ADB ALA ARN BEG BGW BSR BUD EBL EVN GVA HEL HFA IST ISU KBP MCT MLA MUC MXP NJF OSL OTP PMO PRG RIX RUH SKG STR TBS TLL TLV VIE WAW WRO XNH ZRH',
};

const REGION_OF_LOCATION = new Map(
  REGION_NAMES.flatMap((name) => LOCATIONS[name].split(' ').map((code) => [code, name] as const)),
);

/**
 * Takes in where this isolate runs, as the platform says with each request. An isolate never moves, so this is asked until
 * it is known once.
 * @param readColo gives the code of the Cloudflare location (`request.cf.colo`); anything else is ignored. A function,
 * because the platform parses `cf` only when it is read
 */
export function learnRegion(
  { region, settings }: Pick<Verification, 'region' | 'settings'>,
  readColo: () => unknown,
): void {
  if (region.own.name !== null) return;
  const colo = readColo();
  const name = typeof colo === 'string' ? REGION_OF_LOCATION.get(colo) : undefined;
  if (name === undefined) return;
  region.own.name = name;
  region.nearPrimary.name = settings.nearPrimary === name ? null : settings.nearPrimary;
}
